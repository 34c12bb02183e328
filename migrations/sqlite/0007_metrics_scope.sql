-- API keys that can read the metrics only. SQLite cannot change a CHECK constraint: the table is created again.

CREATE TABLE new_keys (
    id            TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    tenant        TEXT    NOT NULL,
    name          TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    scope         TEXT    NOT NULL CHECK (scope IN ('metrics', 'read', 'write', 'admin')),
    secret_sha256 BLOB    NOT NULL CHECK (length(secret_sha256) = 32),
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER CHECK (expires_at > created_at),
    revoked_at    INTEGER,
    last_used_at  INTEGER
) STRICT;
INSERT INTO new_keys (id, tenant, name, scope, secret_sha256, created_at, expires_at, revoked_at, last_used_at)
    SELECT id, tenant, name, scope, secret_sha256, created_at, expires_at, revoked_at, last_used_at FROM keys;
DROP TABLE keys;
ALTER TABLE new_keys RENAME TO keys;
CREATE INDEX keys_by_tenant ON keys (tenant, id);
