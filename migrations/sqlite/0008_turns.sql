-- Tenants take turns: who was served last, and how many workers there are to share. A rank per job is no longer needed.

DROP INDEX jobs_claimable;
DROP INDEX jobs_waiting;
ALTER TABLE jobs DROP COLUMN rank;

-- What a claim looks for, tenant by tenant; how much a tenant has queued.
CREATE INDEX jobs_claimable ON jobs (device, tenant, priority DESC, id) WHERE state IN ('queued', 'running', 'canceling');
CREATE INDEX jobs_waiting ON jobs (tenant) WHERE state = 'queued';

-- The last claim of each tenant, as a number that grows with each claim on the device.
CREATE TABLE turns (
    tenant TEXT    NOT NULL,
    device TEXT    NOT NULL CHECK (device IN ('cpu', 'cuda')),
    turn   INTEGER NOT NULL CHECK (turn >= 1),
    PRIMARY KEY (tenant, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX turns_by_device ON turns (device, turn);

-- The processes that run jobs. A process that has ended is no longer seen.
CREATE TABLE crews (
    name    TEXT    NOT NULL PRIMARY KEY,
    device  TEXT    NOT NULL CHECK (device IN ('cpu', 'cuda')),
    workers INTEGER NOT NULL CHECK (workers >= 1),
    seen_at INTEGER NOT NULL
) STRICT;

-- Whose jobs may come.
CREATE INDEX keys_that_write ON keys (tenant) WHERE revoked_at IS NULL AND scope IN ('write', 'admin');
