-- Who may call, and who called. A key's secret is kept as its SHA-256 alone.

CREATE TABLE keys (
    id            TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    tenant        TEXT    NOT NULL,
    name          TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    scope         TEXT    NOT NULL CHECK (scope IN ('read', 'write', 'admin')),
    secret_sha256 BLOB    NOT NULL CHECK (length(secret_sha256) = 32),
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER CHECK (expires_at > created_at),
    revoked_at    INTEGER,
    last_used_at  INTEGER
) STRICT;
CREATE INDEX keys_by_tenant ON keys (tenant, id);

-- No reference to keys or jobs: what was done stays on record when they are gone.
CREATE TABLE audit (
    sequence   INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    tenant     TEXT    NOT NULL,
    key        TEXT,
    method     TEXT    NOT NULL,
    route      TEXT    NOT NULL,
    subject    TEXT,
    status     INTEGER NOT NULL CHECK (status BETWEEN 100 AND 599),
    request_id TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_by_tenant ON audit (tenant, sequence);
CREATE INDEX audit_by_age ON audit (at);
