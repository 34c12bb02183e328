//! From the terms of the trajectory to one importance a unit.

use super::Scores;
use crate::prune::recipe::{Method, Trajectory};

/// One importance a unit, one list a group. Only their order and their ratios mean something.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitImportance {
    /// In the order of the groups.
    pub groups: Vec<Vec<f64>>,
}

/// `manifold + lambda * logits`, each term first divided by its mean over all units of the model, so
/// that lambda weighs two terms of one size.
#[must_use]
pub fn combine(scores: &Scores, method: &Method) -> UnitImportance {
    let manifold = scores.groups.iter().map(|group| {
        let columns = group.manifold.len() / group.logits.len().max(1);
        let terms = group.manifold.chunks_exact(columns.max(1));
        let total = terms.map(|terms| terms.iter().sum::<f64>());
        total.map(|sum| match method.trajectory {
            Trajectory::Sum => sum,
            Trajectory::Mean => sum / group.features.max(1) as f64,
        })
    });
    let manifold = to_mean_one(manifold.map(Iterator::collect).collect());
    let logits = to_mean_one(
        scores
            .groups
            .iter()
            .map(|group| group.logits.clone())
            .collect(),
    );
    let groups = manifold.into_iter().zip(logits).map(|(manifold, logits)| {
        let units = manifold.into_iter().zip(logits);
        units
            .map(|(manifold, logits)| manifold + method.logit_weight * logits)
            .collect()
    });
    UnitImportance {
        groups: groups.collect(),
    }
}

fn to_mean_one(mut groups: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let count: usize = groups.iter().map(Vec::len).sum();
    let mean = groups.iter().flatten().sum::<f64>() / count.max(1) as f64;
    if mean > 0.0 {
        groups.iter_mut().flatten().for_each(|value| *value /= mean);
    }
    groups
}
