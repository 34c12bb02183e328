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
    pub(crate) calibration_columns: Columns,
    pub(crate) evaluation_columns: Option<Columns>,
    pub(crate) scoring_ms: u64,
    pub(crate) peak_bytes: u64,
}

/// The columns of a dataset that the job reads.
#[derive(Deserialize)]
pub(crate) struct Columns {
    pub(crate) text: Option<String>,
    pub(crate) text_pair: Option<String>,
    pub(crate) label: Option<String>,
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
