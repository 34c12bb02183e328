-- Who is told of a tenant's jobs, and what is on its way to them.

CREATE TABLE webhooks (
    id         uuid        NOT NULL PRIMARY KEY,
    tenant     text        NOT NULL,
    url        text        NOT NULL,
    secret     text        NOT NULL,
    events     jsonb       NOT NULL,
    enabled    boolean     NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX webhooks_by_tenant ON webhooks (tenant, id);

-- The outbox: written in the transaction of what it tells of. A body is sent as it was written.
CREATE TABLE deliveries (
    id           uuid        NOT NULL PRIMARY KEY,
    webhook      uuid        NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event        text        NOT NULL,
    body         json        NOT NULL,
    state        text        NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts     bigint      NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at      timestamptz CHECK ((next_at IS NOT NULL) = (state = 'pending')),
    last_status  bigint,
    last_error   text,
    created_at   timestamptz NOT NULL,
    ended_at     timestamptz CHECK ((ended_at IS NOT NULL) = (state <> 'pending'))
);
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state = 'pending';
CREATE INDEX deliveries_by_webhook ON deliveries (webhook, id);
CREATE INDEX deliveries_by_end ON deliveries (ended_at) WHERE ended_at IS NOT NULL;
