//! Times of jobs.

/// Database time in milliseconds since the Unix epoch.
pub type UnixMs = i64;
