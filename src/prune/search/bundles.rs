//! Bundles of units, in classes of equal cost, for the knapsack.

use super::constraints::Constraints;
use super::knapsack::{self, Class};
use crate::model::cost::Cost;
use crate::model::unit::UnitGroup;
use crate::prune::score::combine::UnitImportance;

/// All bundles of a model.
pub(super) struct Bundles {
    /// The bundles, best first, one list per class.
    by_cost: Vec<Vec<Bundle>>,
    /// The same classes in the form that the knapsack needs.
    classes: Vec<Class>,
}

/// Consecutive units of one group, in order of importance, that are kept or removed together.
struct Bundle {
    worth: f64,
    cost: u64,
    group: usize,
    /// Index among the bundles of its group.
    place: usize,
    units: usize,
}

impl Bundles {
    /// Creates bundles of the units that the constraints allow to remove. `ordered` holds the units of each group, best
    /// first.
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
        // Bundles with equal cost and worth follow the order of the graph, so that the choice is deterministic.
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

    /// Returns how many units each group keeps in the best set that costs at least `low` and at most `room`. The
    /// `least` units that each group keeps in any case are not included in these costs. Returns `None` if there is no
    /// such set.
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
