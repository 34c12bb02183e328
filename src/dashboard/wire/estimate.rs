//! Estimates of jobs.

use serde::Deserialize;

/// Work, cost and size of a job.
#[derive(Deserialize)]
pub(crate) struct Estimate {
    pub(crate) architecture: String,
    pub(crate) macs: u64,
    pub(crate) parameters: u64,
    pub(crate) bytes: u64,
    pub(crate) reachable_percent: f64,
    pub(crate) groups: Vec<Group>,
    pub(crate) calibration: Rows,
    pub(crate) scoring_ms: u64,
    pub(crate) peak_bytes: u64,
}

/// A group of prunable units.
#[derive(Deserialize)]
pub(crate) struct Group {
    pub(crate) kind: String,
    pub(crate) width: usize,
}

/// The rows that the job uses.
#[derive(Deserialize)]
pub(crate) struct Rows {
    pub(crate) rows: u64,
    pub(crate) mean_length: f64,
}
