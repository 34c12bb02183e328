//! Combines the terms of each unit's scores into one importance.

use super::scores::Scores;
use crate::prune::curves::curve::Curve;
use crate::prune::recipe::{Importance, Method, Trajectory};

/// Weight of the answers term in the paper.
const PAPER_ANSWER_WEIGHT: f64 = 0.1;

/// The importance of every unit. Only the order and the ratios of the values are meaningful.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitImportance {
    /// One list per group, in the order of the groups.
    pub groups: Vec<Vec<f64>>,
}

/// Scaling of the terms: each term is divided by its mean over all units of the model, so that lambda
/// weights two terms of mean 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    trajectory: Trajectory,
    manifold_weight: f64,
    answer_weight: f64,
    local_weight: f64,
    manifold_mean: f64,
    answers_mean: f64,
}

impl Scale {
    /// Computes the scaling from the scores of all units. The method is that [for the model](Method::for_model).
    #[must_use]
    pub fn of(scores: &Scores, method: &Method) -> Self {
        let (trajectory, [manifold_weight, answer_weight, local_weight]) = match method.importance {
            Importance::Auto | Importance::Optin | Importance::AfterRepair => (
                method.trajectory,
                [1.0, method.answer_weight, method.local_weight],
            ),
            Importance::Paper => (Trajectory::Sum, [1.0, PAPER_ANSWER_WEIGHT, 0.0]),
            Importance::Fisher => (method.trajectory, [0.0, 1.0, method.local_weight]),
        };
        let mut scale = Self {
            trajectory,
            manifold_weight,
            answer_weight,
            local_weight,
            manifold_mean: 1.0,
            answers_mean: 1.0,
        };
        let groups = || scores.groups.iter();
        let manifold = groups().flat_map(|group| {
            group
                .manifold_sums()
                .map(move |sum| scale.manifold(group.features, sum))
        });
        let answers = groups().flat_map(|group| group.answers.iter().copied());
        (scale.manifold_mean, scale.answers_mean) = (mean_or_one(manifold), mean_or_one(answers));
        scale
    }

    /// Returns a unit's scaled manifold term. `sum` is the sum over the `features` later features.
    #[must_use]
    pub fn manifold(&self, features: usize, sum: f64) -> f64 {
        let term = match self.trajectory {
            Trajectory::Auto | Trajectory::Sum => sum,
            Trajectory::Mean => sum / features.max(1) as f64,
        };
        term / self.manifold_mean
    }

    /// Returns `manifold + lambda * answers`, with scaled terms.
    #[must_use]
    pub fn importance(&self, features: usize, manifold: f64, answers: f64) -> f64 {
        self.manifold_weight * self.manifold(features, manifold)
            + self.answer_weight * answers / self.answers_mean
    }
}

/// Returns the importance of every unit. The method is that [for the model](Method::for_model).
#[must_use]
pub fn combine(scores: &Scores, method: &Method) -> UnitImportance {
    let scale = Scale::of(scores, method);
    let groups = scores.groups.iter().zip(&scores.local);
    let groups = groups.map(|(group, local)| {
        let units = group.manifold_sums().zip(&group.answers).zip(local);
        units
            .map(|((manifold, &answers), &local)| {
                let trajectory = scale.importance(group.features, manifold, answers);
                trajectory.powf(1.0 - scale.local_weight) * local.powf(scale.local_weight)
            })
            .collect()
    });
    let groups: Vec<Vec<f64>> = groups.collect();
    match method.importance {
        Importance::AfterRepair => UnitImportance {
            groups: after_repair(groups, &scores.curves),
        },
        Importance::Auto | Importance::Optin | Importance::Paper | Importance::Fisher => {
            UnitImportance { groups }
        }
    }
}

/// Corrects the importance of groups with a curve. That of the others is scaled, so that the total of the groups with a curve
/// grows by the same factor.
fn after_repair(groups: Vec<Vec<f64>>, curves: &[Option<Curve>]) -> Vec<Vec<f64>> {
    let both = || groups.iter().zip(curves);
    let corrected: Vec<Option<Vec<f64>>> = both()
        .map(|(group, curve)| Some(curve.as_ref()?.importance(group)))
        .collect();
    let measured = both().filter_map(|(group, curve)| curve.as_ref().map(|_| group));
    let before: f64 = measured.flatten().sum();
    let after: f64 = corrected.iter().flatten().flatten().sum();
    let factor = match before > 0.0 && after > 0.0 {
        true => after / before,
        false => 1.0,
    };
    let both = groups.into_iter().zip(corrected);
    both.map(|(group, corrected)| {
        corrected.unwrap_or_else(|| group.iter().map(|value| value * factor).collect())
    })
    .collect()
}

fn mean_or_one(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0usize);
    values.for_each(|value| (sum, count) = (sum + value, count + 1));
    if sum > 0.0 { sum / count as f64 } else { 1.0 }
}
