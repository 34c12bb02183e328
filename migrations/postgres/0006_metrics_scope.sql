-- API keys that can read the metrics only.

ALTER TABLE keys DROP CONSTRAINT keys_scope_check;
ALTER TABLE keys ADD CONSTRAINT keys_scope_check CHECK (scope IN ('metrics', 'read', 'write', 'admin'));
