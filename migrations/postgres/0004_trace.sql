-- The trace of the request that queued a job (W3C traceparent).

ALTER TABLE jobs ADD COLUMN traceparent text CHECK (length(traceparent) = 55);
