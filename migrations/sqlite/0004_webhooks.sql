-- Who is told of a tenant's jobs, and what is on its way to them.

CREATE TABLE webhooks (
    id         TEXT    NOT NULL PRIMARY KEY CHECK (id GLOB 'wh_????????-????-7???-????-????????????'),
    tenant     TEXT    NOT NULL,
    url        TEXT    NOT NULL,
    secret     TEXT    NOT NULL,
    events     TEXT    NOT NULL CHECK (json_valid(events)),
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX webhooks_by_tenant ON webhooks (tenant, id);

-- The outbox: written in the transaction of what it tells of.
CREATE TABLE deliveries (
    id           TEXT    NOT NULL PRIMARY KEY CHECK (id GLOB 'msg_????????-????-7???-????-????????????'),
    webhook      TEXT    NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event        TEXT    NOT NULL,
    body         TEXT    NOT NULL CHECK (json_valid(body)),
    state        TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts     INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at      INTEGER CHECK ((next_at IS NOT NULL) = (state = 'pending')),
    last_status  INTEGER,
    last_error   TEXT,
    created_at   INTEGER NOT NULL,
    ended_at     INTEGER CHECK ((ended_at IS NOT NULL) = (state != 'pending'))
) STRICT;
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state = 'pending';
CREATE INDEX deliveries_by_webhook ON deliveries (webhook, id);
