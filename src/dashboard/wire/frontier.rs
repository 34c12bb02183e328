//! The frontier of a job.

use serde::Deserialize;

/// What the best selection keeps at each percentage of the FLOPs.
#[derive(Deserialize)]
pub(crate) struct Frontier {
    pub(crate) macs: u64,
    pub(crate) smallest_macs: u64,
    pub(crate) points: Vec<Point>,
}

/// The best selection for one percentage.
#[derive(Deserialize)]
pub(crate) struct Point {
    pub(crate) percent: u64,
    pub(crate) macs: u64,
    pub(crate) parameters: u64,
    pub(crate) importance: f64,
}
