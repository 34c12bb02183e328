//! All units in the order of their worth, made once, from which any budget is filled.

use super::constraints::Constraints;
use super::knapsack::{self, Class};
use crate::model::cost::Cost;
use crate::model::mask::Masks;
use crate::model::unit::UnitGroup;
use crate::prune::score::combine::UnitImportance;

/// The ranking.
pub struct Ranking<'a> {
    groups: &'a [UnitGroup],
    cost: &'a Cost,
    constraints: &'a Constraints,
    /// Units of each group, best first.
    ordered: Vec<Vec<usize>>,
    /// Bundles of one cost, best first, one list a class.
    bundles: Vec<Vec<Bundle>>,
    /// The same as the knapsack takes them.
    classes: Vec<Class>,
}

/// Units of one group that are kept together: the next ones in its order.
struct Bundle {
    worth: f64,
    cost: u64,
    group: usize,
    /// Its place among the bundles of its group.
    place: usize,
    units: usize,
}

impl<'a> Ranking<'a> {
    /// Ranks.
    #[must_use]
    pub fn new(
        groups: &'a [UnitGroup],
        cost: &'a Cost,
        importance: &UnitImportance,
        constraints: &'a Constraints,
    ) -> Self {
        let ordered: Vec<Vec<usize>> = importance.groups.iter().map(|units| best(units)).collect();
        let mut bundles = Vec::new();
        for (index, group) in groups.iter().enumerate() {
            let step = constraints.step(group);
            let free = &ordered[index][constraints.least(group)..];
            for (place, units) in free.chunks_exact(step).enumerate() {
                bundles.push(Bundle {
                    worth: units
                        .iter()
                        .map(|&unit| importance.groups[index][unit])
                        .sum(),
                    cost: cost.per_unit[index] * step as u64,
                    group: index,
                    place,
                    units: step,
                });
            }
        }
        // By cost, then best first; equal bundles in the order of the graph, so that the choice is one.
        bundles.sort_by(|a, b| {
            b.cost
                .cmp(&a.cost)
                .then(b.worth.total_cmp(&a.worth))
                .then((a.group, a.place).cmp(&(b.group, b.place)))
        });
        let mut by_cost: Vec<Vec<Bundle>> = Vec::new();
        for bundle in bundles {
            match by_cost
                .last_mut()
                .filter(|class| class[0].cost == bundle.cost)
            {
                Some(class) => class.push(bundle),
                None => by_cost.push(vec![bundle]),
            }
        }
        let classes = by_cost.iter().map(|class| {
            let values = class.iter().map(|bundle| bundle.worth);
            Class::new(class[0].cost, values)
        });
        Self {
            groups,
            cost,
            constraints,
            ordered,
            classes: classes.collect(),
            bundles: by_cost,
        }
    }

    /// What the smallest choice costs that the constraints allow.
    #[must_use]
    pub fn least(&self) -> u64 {
        least(self.groups, self.cost, self.constraints)
    }

    /// The most important choice that costs at least `low` and at most `high`; `None` when there is none.
    #[must_use]
    pub fn choose(&self, low: u64, high: u64) -> Option<Masks> {
        let counts = match self.constraints.uniform {
            true => self
                .uniform(high)
                .filter(|counts| self.costs(counts) >= low)?,
            false => self.free(low, high)?,
        };
        let kept = counts.iter().zip(&self.ordered);
        let kept: Vec<Vec<usize>> = kept
            .map(|(&count, units)| units[..count].to_vec())
            .collect();
        Some(Masks::keeping(self.groups, &kept))
    }

    fn costs(&self, counts: &[usize]) -> u64 {
        self.cost.macs(counts.iter().copied())
    }

    fn free(&self, low: u64, high: u64) -> Option<Vec<usize>> {
        let floor = self.least();
        let room = high.checked_sub(floor)?;
        let taken = knapsack::best(&self.classes, low.saturating_sub(floor), room)?;
        let groups = self.groups.iter();
        let mut counts: Vec<usize> = groups.map(|group| self.constraints.least(group)).collect();
        for (bundles, taken) in self.bundles.iter().zip(taken) {
            for bundle in &bundles[..taken] {
                counts[bundle.group] += bundle.units;
            }
        }
        Some(counts)
    }

    /// The largest share of every group that fits.
    fn uniform(&self, high: u64) -> Option<Vec<usize>> {
        let widest = self.groups.iter().map(|group| group.width).max()?;
        let shares = (0..=widest).rev().map(|part| {
            let groups = self.groups.iter();
            let counts = groups.map(|group| {
                let step = self.constraints.step(group);
                let share = (group.width * part + widest / 2) / widest.max(1) / step * step;
                share.max(self.constraints.least(group))
            });
            counts.collect::<Vec<usize>>()
        });
        shares.into_iter().find(|counts| self.costs(counts) <= high)
    }
}

/// What the smallest choice costs that the constraints allow.
#[must_use]
pub fn least(groups: &[UnitGroup], cost: &Cost, constraints: &Constraints) -> u64 {
    cost.macs(groups.iter().map(|group| constraints.least(group)))
}

fn best(importances: &[f64]) -> Vec<usize> {
    let mut units: Vec<usize> = (0..importances.len()).collect();
    units.sort_by(|&a, &b| importances[b].total_cmp(&importances[a]).then(a.cmp(&b)));
    units
}
