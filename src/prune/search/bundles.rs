//! Units of one cost in classes, for the knapsack.

use super::constraints::Constraints;
use super::knapsack::{self, Class};
use crate::model::cost::Cost;
use crate::model::unit::UnitGroup;
use crate::prune::score::combine::UnitImportance;

/// All bundles of a model.
pub(super) struct Bundles {
    /// Bundles of one cost, best first, one list a class.
    by_cost: Vec<Vec<Bundle>>,
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

impl Bundles {
    /// Of the units that the constraints let go; `ordered` are those of each group, best first.
    pub(super) fn new(
        groups: &[UnitGroup],
        cost: &Cost,
        importance: &UnitImportance,
        ordered: &[Vec<usize>],
        constraints: &Constraints,
    ) -> Self {
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
            classes: classes.collect(),
            by_cost,
        }
    }

    /// How many units each group keeps in the best set that costs at least `low` and at most `room`, `least`
    /// of each group not counted; `None` when there is none.
    pub(super) fn best(&self, least: Vec<usize>, low: u64, room: u64) -> Option<Vec<usize>> {
        let taken = knapsack::best(&self.classes, low, room)?;
        let mut counts = least;
        for (bundles, taken) in self.by_cost.iter().zip(taken) {
            for bundle in &bundles[..taken] {
                counts[bundle.group] += bundle.units;
            }
        }
        Some(counts)
    }
}
