//! Tracing and metrics: how they are set up, and what their names and units are; and whether loops live.

pub mod metric;
pub mod pulse;
pub mod tracing;
