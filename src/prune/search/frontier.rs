//! The frontier (`frontier.json`): for each percentage of the FLOPs, the units that the best choice keeps. One
//! scoring is enough for all percentages.

use serde::{Deserialize, Serialize};

use super::constraints::Constraints;
use super::ranking::Ranking;
use crate::model::cost::Cost;
use crate::model::mask::Masks;
use crate::model::unit::UnitGroup;
use crate::prune::failure::Failure;
use crate::prune::recipe::{Metric, Target};
use crate::prune::score::combine::UnitImportance;

/// Name of the document in the result folder.
pub const NAME: &str = "frontier.json";

/// Distance between two points, in percent.
const STEP: u64 = 1;

/// `frontier.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frontier {
    /// MACs of the unpruned model per row, on average over the calibration rows.
    pub macs: u64,
    /// Parameters of the unpruned model.
    pub parameters: u64,
    /// MACs of the smallest choice that the constraints allow; 0 in documents of older releases.
    #[serde(default)]
    pub smallest_macs: u64,
    /// Parameters of the smallest choice that the constraints allow; 0 in documents of older releases.
    #[serde(default)]
    pub smallest_parameters: u64,
    /// The points, from the smallest model to the largest.
    pub points: Vec<Point>,
}

impl Frontier {
    /// Checks that the smallest choice meets a target. Latency is not known here, so a latency target always passes.
    ///
    /// # Errors
    /// Returns [`TargetUnreachable`](crate::prune::failure::Code::TargetUnreachable) with the smallest reachable target.
    pub fn check(&self, target: &Target) -> Result<(), Failure> {
        let (smallest, whole) = match target.metric {
            Metric::Flops => (self.smallest_macs, self.macs),
            Metric::Params => (self.smallest_parameters, self.parameters),
            Metric::LatencyMs => return Ok(()),
        };
        super::within_reach(target, smallest, whole).map(|_| ())
    }
}

/// The best choice at one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The target, in percent of the FLOPs.
    pub percent: u64,
    /// MACs of the choice.
    pub macs: u64,
    /// Parameters of the choice.
    pub parameters: u64,
    /// Fraction of the total importance that the choice keeps, 0 to 1. It estimates the quality before any repair.
    pub importance: f64,
    /// Number of units that each group keeps, in the order of the graph.
    pub kept: Vec<usize>,
}

/// Returns one point for each percentage that can be reached, up to the unpruned model.
#[must_use]
pub fn frontier(
    groups: &[UnitGroup],
    macs: &Cost,
    parameters: &Cost,
    importance: &UnitImportance,
    constraints: &Constraints,
) -> Frontier {
    let ranking = Ranking::new(groups, macs, importance, constraints);
    let whole = macs.whole(groups);
    let mut points: Vec<Point> = Vec::new();
    for percent in (STEP..=100).step_by(STEP as usize) {
        let budget = (u128::from(whole) * u128::from(percent) / 100) as u64;
        let Some(masks) = ranking.choose(0, budget) else {
            continue;
        };
        let kept: Vec<usize> = (0..groups.len()).map(|group| masks.count(group)).collect();
        let point = Point {
            percent,
            macs: macs.of_masks(&masks, groups),
            parameters: parameters.of_masks(&masks, groups),
            importance: share(importance, &masks),
            kept,
        };
        // A search that is not exact may find a worse choice than the search with a smaller budget.
        points.push(match points.last() {
            Some(last) if last.importance > point.importance => Point {
                percent,
                ..last.clone()
            },
            _ => point,
        });
    }
    Frontier {
        macs: whole,
        parameters: parameters.with_all(groups),
        smallest_macs: super::least(groups, macs, constraints),
        smallest_parameters: super::least(groups, parameters, constraints),
        points,
    }
}

/// Returns the fraction of the total importance that the masks keep.
fn share(importance: &UnitImportance, masks: &Masks) -> f64 {
    let groups = importance.groups.iter().enumerate();
    let kept = groups.flat_map(|(group, units)| {
        let units = units.iter().enumerate();
        units.filter_map(move |(unit, value)| masks.keeps(group, unit).then_some(*value))
    });
    let (kept, total): (f64, f64) = (kept.sum(), importance.groups.iter().flatten().sum());
    if total > 0.0 { kept / total } else { 1.0 }
}
