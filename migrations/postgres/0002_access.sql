-- Who may call, and who called. A key's secret is kept as its SHA-256 alone.

CREATE TABLE keys (
    id            uuid        NOT NULL PRIMARY KEY,
    tenant        text        NOT NULL,
    name          text        NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    scope         text        NOT NULL CHECK (scope IN ('read', 'write', 'admin')),
    secret_sha256 bytea       NOT NULL CHECK (length(secret_sha256) = 32),
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz CHECK (expires_at > created_at),
    revoked_at    timestamptz,
    last_used_at  timestamptz
);
CREATE INDEX keys_by_tenant ON keys (tenant, id);

-- No reference to keys or jobs: what was done stays on record when they are gone.
CREATE TABLE audit (
    sequence   bigint      NOT NULL PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL,
    tenant     text        NOT NULL,
    key        uuid,
    method     text        NOT NULL,
    route      text        NOT NULL,
    subject    text,
    status     bigint      NOT NULL CHECK (status BETWEEN 100 AND 599),
    request_id text        NOT NULL
);
CREATE INDEX audit_by_tenant ON audit (tenant, sequence);
CREATE INDEX audit_by_age ON audit (at);
