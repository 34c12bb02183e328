//! Searching: the units to keep under a budget.
//!
//! In: one importance and one cost a unit, and constraints. Out: [`Masks`]. Units of one cost form a class;
//! the best set takes the most important units of each class, so it is found by trying how many each
//! class keeps (paper, section 3.3: for every number of heads, fill the rest with the best neurons; zero
//! heads included, and never above the budget).

pub mod constraints;
pub mod frontier;
pub mod keep_map;
pub mod knapsack;
pub mod ranking;

use super::failure::{Code, Failure};
use super::prepare::Prepared;
use super::recipe::{Metric, Recipe, Target};
use super::score::combine::UnitImportance;
use super::surgery;
use crate::model::cost::Cost;
use crate::model::mask::Masks;
use crate::model::unit::UnitGroup;
use constraints::Constraints;
use ranking::Ranking;

/// What the cut model may cost: the asked share of the whole model, never more.
#[must_use]
pub fn budget(groups: &[UnitGroup], cost: &Cost, keep: f64) -> u64 {
    let whole = cost.macs(groups.iter().map(|group| group.width));
    (whole as f64 * keep).floor() as u64
}

/// What each unit costs in the target's metric; FLOPs at the mean length of the calibration rows.
#[must_use]
pub fn cost(prepared: &Prepared, metric: Metric) -> Cost {
    let model = prepared.model.as_ref();
    match metric {
        Metric::Flops => model.cost(prepared.calibration.mean_length()),
        Metric::Params => surgery::parameters(&prepared.weights, model.groups()),
    }
}

/// The choice at a recipe's target.
///
/// # Errors
/// See [`select`].
pub fn choose(
    prepared: &Prepared,
    importance: &UnitImportance,
    recipe: &Recipe,
) -> Result<Masks, Failure> {
    select(
        prepared.model.groups(),
        &cost(prepared, recipe.target.metric),
        importance,
        &recipe.target,
        &recipe.constraints,
    )
}

/// Picks the units with the largest sum of importances among the sets that the constraints allow and that
/// cost at most the target and at least `(1 - tolerance)` of it.
///
/// # Errors
/// [`Code::TargetUnreachable`] with what can be reached.
pub fn select(
    groups: &[UnitGroup],
    cost: &Cost,
    importance: &UnitImportance,
    target: &Target,
    constraints: &Constraints,
) -> Result<Masks, Failure> {
    let whole = cost.macs(groups.iter().map(|group| group.width));
    let budget = reachable_budget(groups, cost, target, constraints)?;
    let ranking = Ranking::new(groups, cost, importance, constraints);
    let low = (budget as f64 * (1.0 - target.tolerance)).ceil() as u64;
    ranking.choose(low, budget).ok_or_else(|| {
        let below = ranking.choose(0, budget).map_or(cost.fixed, |masks| {
            cost.macs((0..groups.len()).map(|group| masks.count(group)))
        });
        Failure::new(
            Code::TargetUnreachable,
            format!(
                "no set of units costs between {:.2}% and {:.2}% of the model; the best one below costs {:.2}%: \
                 ask for that, or for a wider tolerance",
                percent(budget, whole) * (1.0 - target.tolerance),
                percent(budget, whole),
                percent(below, whole),
            ),
        )
    })
}

/// The budget, if any set of units that the constraints allow fits into it.
///
/// # Errors
/// [`Code::TargetUnreachable`] with the smallest share that can be reached.
pub fn reachable_budget(
    groups: &[UnitGroup],
    cost: &Cost,
    target: &Target,
    constraints: &Constraints,
) -> Result<u64, Failure> {
    let budget = budget(groups, cost, target.keep);
    let smallest = ranking::least(groups, cost, constraints);
    if budget < smallest {
        let whole = cost.macs(groups.iter().map(|group| group.width));
        // Rounded up, so that the figure itself can be asked for.
        let least = (percent(smallest, whole) * 100.0).ceil() / 100.0;
        let what = match smallest > cost.fixed {
            true => "with every unit gone that the constraints let go",
            false => "with every unit gone",
        };
        return Err(Failure::new(
            Code::TargetUnreachable,
            format!(
                "keeping {:.4}% cannot be reached: {what} the model still has {least:.2}% of its {}; \
                 ask for {least:.2}% or more",
                target.keep * 100.0,
                target.metric.noun()
            ),
        ));
    }
    Ok(budget)
}

fn percent(macs: u64, whole: u64) -> f64 {
    100.0 * macs as f64 / whole as f64
}
