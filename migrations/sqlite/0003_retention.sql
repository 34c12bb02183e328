-- Results are removed before their jobs; the row then says so.

ALTER TABLE jobs ADD COLUMN artifacts_removed_at INTEGER
    CHECK (artifacts_removed_at IS NULL OR (manifest IS NOT NULL AND artifacts_removed_at >= finished_at));

-- What a sweep looks for.
CREATE INDEX jobs_by_end ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_with_artifacts ON jobs (finished_at) WHERE manifest IS NOT NULL AND artifacts_removed_at IS NULL;
