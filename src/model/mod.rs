//! The graphs, and their prunable units as data.

pub mod batch;
