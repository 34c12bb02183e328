//! Searching: the units to keep under a budget of MACs.
//!
//! In: one importance and one cost a unit. Out: [`Masks`]. Units of one cost form a class; the best
//! set takes the most important units of each class, so it is found by trying how many each class
//! keeps (paper, section 3.3: for every number of heads, fill the rest with the best neurons; zero
//! heads included, and never above the budget).

pub mod keep_map;
pub mod knapsack;

use super::failure::{Code, Failure};
use super::recipe::Target;
use super::score::combine::UnitImportance;
use crate::model::cost::Cost;
use crate::model::mask::Masks;
use crate::model::unit::UnitGroup;
use knapsack::Class;

/// The MACs that the cut model may cost: the asked share of the whole model, never more.
#[must_use]
pub fn budget(groups: &[UnitGroup], cost: &Cost, keep: f64) -> u64 {
    let whole = cost.macs(groups.iter().map(|group| group.width));
    (whole as f64 * keep).floor() as u64
}

/// Picks the units with the largest sum of importances among the sets that cost at most the target
/// and at least `(1 - tolerance)` of it.
///
/// # Errors
/// [`Code::TargetUnreachable`] with what can be reached.
pub fn select(
    groups: &[UnitGroup],
    cost: &Cost,
    importance: &UnitImportance,
    target: &Target,
) -> Result<Masks, Failure> {
    let whole = cost.macs(groups.iter().map(|group| group.width));
    let budget = reachable_budget(groups, cost, target)?;
    let mut units: Vec<(u64, f64, usize, usize)> = Vec::new();
    for (group, importances) in importance.groups.iter().enumerate() {
        units.extend(
            importances
                .iter()
                .enumerate()
                .map(|(unit, &value)| (cost.per_unit[group], value, group, unit)),
        );
    }
    // By cost, then best first; equal units in the order of the graph, so that the choice is one.
    units.sort_by(|a, b| {
        a.0.cmp(&b.0)
            .reverse()
            .then(b.1.total_cmp(&a.1))
            .then((a.2, a.3).cmp(&(b.2, b.3)))
    });
    let by_cost: Vec<_> = units.chunk_by(|a, b| a.0 == b.0).collect();
    let classes: Vec<Class> = by_cost
        .iter()
        .map(|units| Class::new(units[0].0, units.iter().map(|unit| unit.1)))
        .collect();
    let room = budget - cost.fixed;
    let least =
        ((budget as f64 * (1.0 - target.tolerance)).ceil() as u64).saturating_sub(cost.fixed);
    let Some(counts) = knapsack::best(&classes, least, room) else {
        let below = knapsack::best(&classes, 0, room).map_or(cost.fixed, |counts| {
            cost.fixed + knapsack::spent(&classes, &counts)
        });
        return Err(Failure::new(
            Code::TargetUnreachable,
            format!(
                "no set of units costs between {:.2}% and {:.2}% of the model; the best one below costs {:.2}%: \
                 ask for that, or for a wider tolerance",
                percent(budget, whole) * (1.0 - target.tolerance),
                percent(budget, whole),
                percent(below, whole),
            ),
        ));
    };
    let mut kept = vec![Vec::new(); groups.len()];
    for (units, count) in by_cost.iter().zip(counts) {
        for &(_, _, group, unit) in &units[..count] {
            kept[group].push(unit);
        }
    }
    Ok(Masks::keeping(groups, &kept))
}

/// The budget, if any set of units fits into it.
///
/// # Errors
/// [`Code::TargetUnreachable`] with the smallest share that can be reached.
pub fn reachable_budget(
    groups: &[UnitGroup],
    cost: &Cost,
    target: &Target,
) -> Result<u64, Failure> {
    let budget = budget(groups, cost, target.keep);
    if budget < cost.fixed {
        let whole = cost.macs(groups.iter().map(|group| group.width));
        // Rounded up, so that the figure itself can be asked for.
        let least = (percent(cost.fixed, whole) * 100.0).ceil() / 100.0;
        return Err(Failure::new(
            Code::TargetUnreachable,
            format!(
                "keeping {:.4}% cannot be reached: with every unit gone the model still costs {least:.2}% of its FLOPs; \
                 ask for {least:.2}% or more",
                target.keep * 100.0
            ),
        ));
    }
    Ok(budget)
}

fn percent(macs: u64, whole: u64) -> f64 {
    100.0 * macs as f64 / whole as f64
}
