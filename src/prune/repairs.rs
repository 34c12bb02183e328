//! The result of the repair.

use super::report::CompensationReport;
use crate::model::nn::linear::Linear;

/// The repaired projections.
#[derive(Clone, Debug, Default)]
pub struct Repairs {
    /// One entry per block. `None` if the original weights stay.
    pub projections: Vec<Option<Linear>>,
    /// Effect of each repair.
    pub reports: Vec<CompensationReport>,
}

impl Repairs {
    /// Creates a value without repairs: all original weights stay.
    #[must_use]
    pub fn none(blocks: usize) -> Self {
        Self {
            projections: vec![None; blocks],
            reports: Vec::new(),
        }
    }
}
