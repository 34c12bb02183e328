-- Why a queued job waits although its turn may have come: a place that it needs is away. Somebody looks for its return.

ALTER TABLE jobs ADD COLUMN waiting json;
ALTER TABLE jobs ADD COLUMN look_at timestamptz;
ALTER TABLE jobs ADD CHECK ((waiting IS NULL) = (look_at IS NULL));

CREATE INDEX jobs_to_look_for ON jobs (device, look_at) WHERE state = 'queued' AND look_at IS NOT NULL;
