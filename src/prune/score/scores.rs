//! The scores of all units.

use crate::prune::curves::curve::Curve;

/// The scores of every group, in the order of the groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The terms of the trajectory, one entry per group.
    pub groups: Vec<UnitScores>,
    /// The [`local`](super::local) term of each unit, one list per group.
    pub local: Vec<Vec<f64>>,
    /// The [curve](crate::prune::curves) of each group. `None` if the group has no curve, or if the method uses none.
    pub curves: Vec<Option<Curve>>,
}

/// The scores of one group's units.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitScores {
    /// Number of features after the block, including that of its own layer.
    pub features: usize,
    /// Squared change of the Gram matrix, `[units, features]`, row-major. For sketched scores, the sum over the
    /// features, `[units]`.
    pub manifold: Vec<f64>,
    /// Divergence of the answers, `[units]`.
    pub answers: Vec<f64>,
}

impl UnitScores {
    /// Returns the sum of each unit's manifold terms over the features.
    pub fn manifold_sums(&self) -> impl Iterator<Item = f64> {
        let columns = self.manifold.len() / self.answers.len().max(1);
        let terms = self.manifold.chunks_exact(columns.max(1));
        terms.map(|terms| terms.iter().sum())
    }
}
