//! Searching: the units to keep under a budget.
//!
//! In: one importance a unit, the prices, and constraints. Out: [`Masks`]. Where each unit of a group costs
//! the same, units of one cost form a class; the best set takes the most important units of each
//! class, so it is found by trying how many each class keeps (paper, section 3.3: for every number of
//! heads, fill the rest with the best neurons; zero heads included, and never above the budget).
//! Where a group's price was measured for each count, see [`menu`].
//!
//! Units are taken to matter each on its own. What the kept units of a group can say in another's stead, by
//! the inverse of their second moments, was tried with the scores as its curvature (the optimal brain surgeon,
//! Hassibi and Stork 1993): with 1,024 rows it lost 1.3 points on SST-2 at 40 % and 1.1 on STS-B at 30 %,
//! though it left the counts of each group as they are.

mod bundles;
pub mod constraints;
pub mod frontier;
pub mod keep_map;
pub mod knapsack;
pub mod latency;
pub mod menu;
pub mod price;
pub mod ranking;

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
use latency::LatencyTable;
use price::Price;
use ranking::Ranking;

/// What the target limits.
pub struct Limit {
    /// The prices of units.
    pub price: Price,
    /// What they were read from, where they were measured.
    pub latency: Option<LatencyTable>,
}

impl Limit {
    /// What the target's metric counts; a latency is measured, unless the journal knows it.
    ///
    /// # Errors
    /// When the constraints name what is not there; see [`latency::table`].
    pub fn of(
        prepared: &Prepared,
        recipe: &Recipe,
        journal: &dyn Journal,
        watch: &dyn Watch,
    ) -> Result<Self, Failure> {
        recipe.constraints.check(prepared.model.groups())?;
        let cost = match recipe.target.metric {
            Metric::Flops => macs(prepared),
            Metric::Params => parameters(prepared),
            Metric::LatencyMs => {
                let table = latency::table(prepared, journal, watch)?;
                return Ok(Self {
                    price: table.price(prepared.model.groups()),
                    latency: Some(table),
                });
            }
        };
        Ok(Self {
            price: Price::PerUnit(cost),
            latency: None,
        })
    }
}

/// MACs of one row of the calibration rows' mean length.
#[must_use]
pub fn macs(prepared: &Prepared) -> Cost {
    prepared.model.cost(prepared.calibration.mean_length())
}

/// Weights, those of the embeddings among them.
#[must_use]
pub fn parameters(prepared: &Prepared) -> Cost {
    surgery::parameters(&prepared.weights, prepared.model.groups())
}

/// The choice at a recipe's target.
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
        prepared.model.groups(),
        &limit.price,
        importance,
        &recipe.target,
        &recipe.constraints,
    )
}

/// What the cut model may cost: the asked share of the whole model, never more.
#[must_use]
pub fn budget(whole: u64, keep: f64) -> u64 {
    (whole as f64 * keep).floor() as u64
}

/// Picks the units with the largest sum of importances among the sets that the constraints allow and that
/// cost at most the target and at least `(1 - tolerance)` of it.
///
/// # Errors
/// [`Code::TargetUnreachable`] with what can be reached.
pub fn select(
    groups: &[UnitGroup],
    price: &Price,
    importance: &UnitImportance,
    target: &Target,
    constraints: &Constraints,
) -> Result<Masks, Failure> {
    let budget = reachable_budget(groups, price, target, constraints)?;
    let ranking = Ranking::new(groups, price, importance, constraints);
    fill(&ranking, budget, target.tolerance, price.whole(groups))
}

/// The best choice within a budget, at most `tolerance` below it. What goes wrong is told in shares of `whole`.
///
/// # Errors
/// [`Code::TargetUnreachable`] when no choice is so near the budget.
pub fn fill(
    ranking: &Ranking<'_>,
    budget: u64,
    tolerance: f64,
    whole: u64,
) -> Result<Masks, Failure> {
    let low = (budget as f64 * (1.0 - tolerance)).ceil() as u64;
    ranking.choose(low, budget).ok_or_else(|| {
        let below = ranking.choose(0, budget);
        let below = below.map_or(ranking.price().fixed(), |masks| {
            let counts = (0..masks.groups()).map(|group| masks.count(group));
            ranking.price().of(counts)
        });
        Failure::new(
            Code::TargetUnreachable,
            format!(
                "no set of units costs between {:.2}% and {:.2}% of the model; the best one below costs {:.2}%: \
                 ask for that, or for a wider tolerance",
                percent(budget, whole) * (1.0 - tolerance),
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
    price: &Price,
    target: &Target,
    constraints: &Constraints,
) -> Result<u64, Failure> {
    within_reach(
        target,
        least(groups, price, constraints),
        price.whole(groups),
    )
}

/// The budget of a target for a model that costs `whole`, if the smallest pruned model fits into it.
///
/// # Errors
/// Returns [`Code::TargetUnreachable`] with the smallest reachable target.
pub(super) fn within_reach(target: &Target, smallest: u64, whole: u64) -> Result<u64, Failure> {
    let budget = budget(whole, target.keep);
    if budget < smallest {
        // Rounded up, so that the figure itself is a reachable target.
        let least = (percent(smallest, whole) * 100.0).ceil() / 100.0;
        return Err(Failure::new(
            Code::TargetUnreachable,
            format!(
                "keeping {:.4}% is unreachable: the smallest model that the constraints allow has {least:.2}% of the {}; \
                 set the target to {least:.2}% or more",
                target.keep * 100.0,
                target.metric.noun()
            ),
        ));
    }
    Ok(budget)
}

/// What the smallest choice costs that the constraints allow.
#[must_use]
pub fn least(groups: &[UnitGroup], price: &Price, constraints: &Constraints) -> u64 {
    price.of(groups.iter().map(|group| constraints.least(group)))
}

fn percent(price: u64, whole: u64) -> f64 {
    100.0 * price as f64 / whole as f64
}
