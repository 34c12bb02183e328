//! Selection of the units to keep within a budget.
//!
//! Input: the importance of each unit, the cost of the model, and constraints. Output: [`Masks`].
//!
//! FLOPs, parameters and latency use the same search. Of each group, the most important units are kept, so only the
//! counts are open. `stages` turns them into a [`knapsack`] problem. For a BERT, the result is that of the paper
//! (section 3.3): for every number of heads, including zero, fill the rest of the budget with the best neurons, and
//! never exceed the budget.
//!
//! The importances of units are assumed to be independent. An alternative was tried: the optimal brain surgeon
//! (Hassibi and Stork 1993), which uses the inverse of the second moments of a group's units to account for what
//! kept units can replace, with the scores as the curvature. With 1,024 rows it lost 1.3 points on SST-2 at 40 %
//! and 1.1 points on STS-B at 30 %, although it did not change the counts of each group.

mod classes;
pub mod constraints;
pub mod frontier;
mod heads;
pub mod keep_map;
pub mod knapsack;
pub mod latency;
mod order;
pub mod position_merging;
pub mod ranking;
mod stages;

use super::failure::{Code, Failure};
use super::journal::Journal;
use super::prepare::Prepared;
use super::recipe::{Metric, Recipe, Target};
use super::score::combine::UnitImportance;
use super::surgery;
use super::watch::Watch;
use crate::model::cost::Cost;
use crate::model::mask::Masks;
use crate::model::unit::UnitGroup;
use constraints::Constraints;
use heads::Layer;
use latency::LatencyTable;
use ranking::Ranking;

/// The cost of the model in the target's metric.
pub struct Limit {
    /// The cost: MACs, parameters, or nanoseconds.
    pub cost: Cost,
    /// The latency table from which the cost was computed, if the metric is latency.
    pub latency: Option<LatencyTable>,
}

impl Limit {
    /// Returns the cost in the target's metric. Latency is measured unless the journal holds the table.
    ///
    /// # Errors
    /// Returns an error if the constraints name an unknown group. See also [`latency::table`] and
    /// [`surgery::parameters`].
    pub fn of(
        prepared: &Prepared,
        recipe: &Recipe,
        journal: &dyn Journal,
        watch: &dyn Watch,
    ) -> Result<Self, Failure> {
        recipe.constraints.check(&prepared.model.groups)?;
        let cost = match recipe.target.metric {
            Metric::Flops => macs(prepared),
            Metric::Params => parameters(prepared)?,
            Metric::LatencyMs => {
                let table = latency::table(prepared, journal, watch)?;
                return Ok(Self {
                    cost: table.cost(&prepared.model.groups),
                    latency: Some(table),
                });
            }
        };
        Ok(Self {
            cost,
            latency: None,
        })
    }
}

/// Returns the MACs per row, on average over the calibration rows.
#[must_use]
pub fn macs(prepared: &Prepared) -> Cost {
    prepared.model.cost(&prepared.calibration.extent())
}

/// Returns the number of weights, including those of the embeddings.
///
/// # Errors
/// See [`surgery::parameters`].
pub fn parameters(prepared: &Prepared) -> Result<Cost, Failure> {
    surgery::parameters(&prepared.weights, &prepared.model.groups)
}

/// Selects the units to keep at a recipe's target.
///
/// # Errors
/// See [`select`].
pub fn choose(
    prepared: &Prepared,
    importance: &UnitImportance,
    recipe: &Recipe,
    limit: &Limit,
) -> Result<Masks, Failure> {
    select(
        &prepared.model.groups,
        &limit.cost,
        importance,
        &recipe.target,
        &recipe.constraints,
    )
}

/// Returns the maximum cost of the pruned model: the fraction `keep` of the cost `whole`, rounded down.
#[must_use]
pub fn budget(whole: u64, keep: f64) -> u64 {
    (whole as f64 * keep).floor() as u64
}

/// Selects the set of units with the largest total importance. The set meets the constraints and costs at most
/// the target and at least `(1 - tolerance)` of it.
///
/// # Errors
/// Returns [`Code::TargetUnreachable`] with the cost that can be reached.
pub fn select(
    groups: &[UnitGroup],
    cost: &Cost,
    importance: &UnitImportance,
    target: &Target,
    constraints: &Constraints,
) -> Result<Masks, Failure> {
    let budget = reachable_budget(groups, cost, target, constraints)?;
    let ranking = Ranking::new(groups, cost, importance, constraints);
    fill(&ranking, budget, target.tolerance, cost.whole(groups))
}

/// Returns the best choice within a budget and at most `tolerance` below it. `whole` is the cost of the unpruned model,
/// used for the percentages in the error.
///
/// # Errors
/// Returns [`Code::TargetUnreachable`] if no choice is within the tolerance.
pub fn fill(
    ranking: &Ranking<'_>,
    budget: u64,
    tolerance: f64,
    whole: u64,
) -> Result<Masks, Failure> {
    let low = (budget as f64 * (1.0 - tolerance)).ceil() as u64;
    ranking.choose(low, budget).ok_or_else(|| {
        let below = ranking.choose(0, budget);
        let below = below.map_or(ranking.cost().fixed, |masks| ranking.cost_of(&masks));
        Failure::new(
            Code::TargetUnreachable,
            format!(
                "no set of units costs between {:.2}% and {:.2}% of the model; the best set below costs {:.2}%: \
                 use that target or a larger tolerance",
                percent(budget, whole) * (1.0 - tolerance),
                percent(budget, whole),
                percent(below, whole),
            ),
        )
    })
}

/// Returns the budget, if the smallest set of units that the constraints allow fits into it.
///
/// # Errors
/// Returns [`Code::TargetUnreachable`] with the smallest percentage that can be reached.
pub fn reachable_budget(
    groups: &[UnitGroup],
    cost: &Cost,
    target: &Target,
    constraints: &Constraints,
) -> Result<u64, Failure> {
    within_reach(target, least(groups, cost, constraints), cost.whole(groups))
}

/// Returns the budget of a target for a model with the cost `whole`, if the smallest choice fits into it.
///
/// # Errors
/// Returns [`Code::TargetUnreachable`] with the smallest percentage that can be reached.
pub(super) fn within_reach(target: &Target, smallest: u64, whole: u64) -> Result<u64, Failure> {
    let budget = budget(whole, target.keep);
    if budget < smallest {
        // Rounded up, so that the printed percentage can be used as a target.
        let least = (percent(smallest, whole) * 100.0).ceil() / 100.0;
        return Err(Failure::new(
            Code::TargetUnreachable,
            format!(
                "the target of {:.4}% cannot be reached: the smallest model that the constraints allow has {least:.2}% of the {}; \
                 use a target of {least:.2}% or more",
                target.keep * 100.0,
                target.metric.noun()
            ),
        ));
    }
    Ok(budget)
}

/// Returns the cost of the smallest choice that the constraints allow.
#[must_use]
pub fn least(groups: &[UnitGroup], cost: &Cost, constraints: &Constraints) -> u64 {
    let mut counts: Vec<usize> = groups
        .iter()
        .map(|group| constraints.least(group))
        .collect();
    let mut heads = 0;
    for layer in Layer::all(groups) {
        let shape = layer.least(cost, constraints);
        heads += layer.overhead(cost, shape);
        for (group, count) in layer.counts(shape) {
            counts[group] = count;
        }
    }
    cost.of(counts) + heads
}

fn percent(cost: u64, whole: u64) -> f64 {
    100.0 * cost as f64 / whole as f64
}
