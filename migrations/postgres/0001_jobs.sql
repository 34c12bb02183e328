-- Jobs, their histories, and the keys that make a POST safe to repeat.
-- Documents that are read whole are json: they come back as they were written. What is searched is jsonb.

CREATE TABLE jobs (
    id               uuid        NOT NULL PRIMARY KEY,
    tenant           text        NOT NULL,
    device           text        NOT NULL CHECK (device IN ('cpu', 'cuda')),
    priority         bigint      NOT NULL CHECK (priority BETWEEN -100 AND 100),
    rank             bigint      NOT NULL,
    state            text        NOT NULL CHECK (state IN ('queued', 'running', 'canceling', 'succeeded', 'failed', 'canceled', 'expired')),
    stage            text,
    done             bigint      NOT NULL DEFAULT 0 CHECK (done >= 0),
    total            bigint      NOT NULL DEFAULT 0 CHECK (total >= 0),
    stage_since      timestamptz,
    recipe           json        NOT NULL,
    model_uri        text        NOT NULL,
    labels           jsonb       NOT NULL,
    attempt          bigint      NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    spent            bigint      NOT NULL DEFAULT 0 CHECK (spent BETWEEN 0 AND attempt),
    max_attempts     bigint      NOT NULL CHECK (max_attempts >= 1),
    retry_of         uuid,
    cancel_requested boolean     NOT NULL DEFAULT false,
    not_before       timestamptz NOT NULL,
    worker           text,
    lease_until      timestamptz,
    failure          json,
    report           json,
    manifest         json,
    created_at       timestamptz NOT NULL,
    started_at       timestamptz,
    finished_at      timestamptz,
    deadline_at      timestamptz,
    artifacts_removed_at timestamptz,
    version          bigint      NOT NULL CHECK (version >= 1),

    CHECK ((finished_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'canceled', 'expired'))),
    CHECK ((lease_until IS NOT NULL) = (state IN ('running', 'canceling'))),
    CHECK ((worker IS NOT NULL) = (lease_until IS NOT NULL)),
    CHECK ((report IS NOT NULL) = (state = 'succeeded')),
    CHECK ((manifest IS NOT NULL) = (state = 'succeeded')),
    CHECK (state <> 'failed' OR failure IS NOT NULL),
    CHECK (failure IS NULL OR state IN ('failed', 'expired')),
    CHECK (state <> 'canceling' OR cancel_requested),
    CHECK (artifacts_removed_at IS NULL OR (manifest IS NOT NULL AND artifacts_removed_at >= finished_at))
) WITH (
    -- A heartbeat rewrites its row in place where the page has room; dead rows at the front of the queue go soon.
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.01
);

-- What a claim looks for, in its order; what a new job's rank is counted from; who runs how much.
CREATE INDEX jobs_claimable ON jobs (device, priority DESC, rank, id) WHERE state IN ('queued', 'running', 'canceling');
CREATE INDEX jobs_front ON jobs (device, priority, rank) WHERE state = 'queued' AND attempt = 0;
CREATE INDEX jobs_waiting ON jobs (tenant, device, priority, rank) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (tenant) WHERE state IN ('running', 'canceling');
CREATE INDEX jobs_by_tenant ON jobs (tenant, id);
CREATE INDEX jobs_by_state ON jobs (state, id);
CREATE INDEX jobs_by_model ON jobs (model_uri, id);
-- What a sweep looks for.
CREATE INDEX jobs_by_end ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_with_artifacts ON jobs (finished_at) WHERE manifest IS NOT NULL AND artifacts_removed_at IS NULL;

CREATE TABLE events (
    job      uuid        NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    sequence bigint      NOT NULL CHECK (sequence >= 1),
    at       timestamptz NOT NULL,
    body     json        NOT NULL,
    PRIMARY KEY (job, sequence)
);

CREATE TABLE idempotency_keys (
    tenant      text        NOT NULL,
    key         text        NOT NULL,
    body_sha256 text        NOT NULL,
    job         uuid        NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
CREATE INDEX idempotency_keys_by_job ON idempotency_keys (job);
