//! Logging, metrics and the liveness of loops.

pub mod metric;
pub mod pulse;
pub mod tracing;
