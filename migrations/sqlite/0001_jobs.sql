-- Jobs, their histories, and the keys that make a POST safe to repeat.
-- Times are milliseconds since the Unix epoch, from this database's clock.

CREATE TABLE jobs (
    id               TEXT    NOT NULL PRIMARY KEY CHECK (id GLOB 'job_????????-????-7???-????-????????????'),
    tenant           TEXT    NOT NULL,
    device           TEXT    NOT NULL CHECK (device IN ('cpu', 'cuda')),
    priority         INTEGER NOT NULL CHECK (priority BETWEEN -100 AND 100),
    rank             INTEGER NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'canceling', 'succeeded', 'failed', 'canceled', 'expired')),
    stage            TEXT,
    done             INTEGER NOT NULL DEFAULT 0 CHECK (done >= 0),
    total            INTEGER NOT NULL DEFAULT 0 CHECK (total >= 0),
    stage_since      INTEGER,
    recipe           TEXT    NOT NULL CHECK (json_valid(recipe)),
    model_uri        TEXT    NOT NULL,
    labels           TEXT    NOT NULL CHECK (json_valid(labels)),
    attempt          INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    spent            INTEGER NOT NULL DEFAULT 0 CHECK (spent BETWEEN 0 AND attempt),
    max_attempts     INTEGER NOT NULL CHECK (max_attempts >= 1),
    retry_of         TEXT,
    cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
    not_before       INTEGER NOT NULL,
    worker           TEXT,
    lease_until      INTEGER,
    failure          TEXT    CHECK (failure IS NULL OR json_valid(failure)),
    report           TEXT    CHECK (report IS NULL OR json_valid(report)),
    manifest         TEXT    CHECK (manifest IS NULL OR json_valid(manifest)),
    created_at       INTEGER NOT NULL,
    started_at       INTEGER,
    finished_at      INTEGER,
    deadline_at      INTEGER,
    version          INTEGER NOT NULL CHECK (version >= 1),

    CHECK ((finished_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'canceled', 'expired'))),
    CHECK ((lease_until IS NOT NULL) = (state IN ('running', 'canceling'))),
    CHECK ((worker IS NOT NULL) = (lease_until IS NOT NULL)),
    CHECK ((report IS NOT NULL) = (state = 'succeeded')),
    CHECK ((manifest IS NOT NULL) = (state = 'succeeded')),
    CHECK (state != 'failed' OR failure IS NOT NULL),
    CHECK (failure IS NULL OR state IN ('failed', 'expired')),
    CHECK (state != 'canceling' OR cancel_requested = 1)
) STRICT;

-- What a claim looks for, in its order; what a new job's rank is counted from; who runs how much.
CREATE INDEX jobs_claimable ON jobs (device, priority DESC, rank, id) WHERE state IN ('queued', 'running', 'canceling');
CREATE INDEX jobs_waiting ON jobs (tenant, device, priority, rank) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (tenant) WHERE state IN ('running', 'canceling');
CREATE INDEX jobs_by_tenant ON jobs (tenant, id);
CREATE INDEX jobs_by_state ON jobs (state, id);
CREATE INDEX jobs_by_model ON jobs (model_uri, id);

CREATE TABLE events (
    job      TEXT    NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL CHECK (sequence >= 1),
    at       INTEGER NOT NULL,
    body     TEXT    NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (job, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    tenant      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    body_sha256 TEXT    NOT NULL,
    job         TEXT    NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
CREATE INDEX idempotency_keys_by_job ON idempotency_keys (job);
