-- The trace of the request that queued a job (W3C traceparent).

ALTER TABLE jobs ADD COLUMN traceparent TEXT CHECK (length(traceparent) = 55);
