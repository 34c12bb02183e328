//! What the joint fit of the two maps of a block sees of one batch.

use candle_core::{Result, Tensor};

use super::super::score::sample::Sample;
use crate::model::affine::Affine;
use crate::model::hidden::Hidden;

/// Rows of one length, at all their positions.
pub struct Example {
    /// The input of the entry.
    pub input: Hidden,
    /// Target output of the projection, `[rows, positions, out]`.
    pub target: Tensor,
    /// Weight of each position, `[rows * positions, 1]`. `None` if all positions have the same weight.
    pub weights: Option<Tensor>,
    /// The positions of the target on which the projection is solved.
    pub sample: Sample,
}

impl Example {
    /// Returns the sampled columns of a projection of these units, `[positions, columns]`.
    pub(super) fn sampled_columns(&self, projection: &Affine, units: &Hidden) -> Result<Tensor> {
        sampled_columns(projection, units, &self.sample)
    }

    /// Returns the sampled targets, `[positions, out]`.
    pub(super) fn sampled_target(&self) -> Result<Tensor> {
        self.sample.select(&self.target)?.flatten(0, 1)
    }
}

/// Returns the columns of a projection at the sampled positions, `[positions, columns]`.
pub(super) fn sampled_columns(
    projection: &Affine,
    units: &Hidden,
    sample: &Sample,
) -> Result<Tensor> {
    match sample.places(1) {
        Some(places) => projection.columns_at(units, &places),
        None => projection.columns(units)?.flatten(0, 1),
    }
}
