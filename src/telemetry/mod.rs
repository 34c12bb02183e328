//! Tracing and metrics: how they are set up, and what their names and units are.

pub mod metric;
pub mod tracing;
