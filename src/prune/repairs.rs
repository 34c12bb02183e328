//! The result of the repair.

use super::report::CompensationReport;
use crate::model::nn::linear::Linear;

/// The repaired maps.
#[derive(Clone, Debug)]
pub struct Repairs {
    /// The projection of each block, `[out, kept columns]`. `None` if the original weights stay.
    pub projections: Vec<Option<Linear>>,
    /// The [entry](crate::model::block::Block::entry) of each block, `[kept units, in]`. `None` if the original weights stay.
    pub entries: Vec<Option<Linear>>,
    /// Effect of each repair.
    pub reports: Vec<CompensationReport>,
}

impl Repairs {
    /// Creates a value without repairs: all original weights stay.
    #[must_use]
    pub fn none(blocks: usize) -> Self {
        Self {
            projections: vec![None; blocks],
            entries: vec![None; blocks],
            reports: Vec::new(),
        }
    }
}
