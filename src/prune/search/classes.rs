//! Classes of units of equal cost.
//!
//! If all units of a group cost the same, the group is divided into bundles: consecutive units in order of importance
//! that are kept or removed together. Bundles of equal cost form one class, whatever their group. The best `n`
//! bundles of a class are its `n` most important ones, so a class is one stage of the knapsack. This makes the problem
//! small: a model has many groups, but few different costs.

use super::knapsack::Choice;

/// One bundle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bundle {
    /// Total importance of the units.
    pub(super) worth: f64,
    /// Cost of the units.
    pub(super) cost: u64,
    /// The group.
    pub(super) group: usize,
    /// Index among the bundles of the group.
    pub(super) place: usize,
    /// Number of units.
    pub(super) units: usize,
}

/// Divides bundles into classes of equal cost, the most expensive class first. The bundles of a class are sorted, the
/// most important first. Equally important bundles are in the order of the graph.
pub(super) fn of(mut bundles: Vec<Bundle>) -> Vec<Vec<Bundle>> {
    bundles.sort_by(|a, b| {
        b.cost
            .cmp(&a.cost)
            .then(b.worth.total_cmp(&a.worth))
            .then((a.group, a.place).cmp(&(b.group, b.place)))
    });
    let classes = bundles.chunk_by(|a, b| a.cost == b.cost);
    classes.map(<[Bundle]>::to_vec).collect()
}

/// Returns the menu of a class: the number of kept bundles, in place of units.
pub(super) fn menu(class: &[Bundle]) -> Vec<Choice> {
    let mut choice = Choice {
        units: 0,
        cost: 0,
        worth: 0.0,
    };
    let mut menu = vec![choice];
    for bundle in class {
        choice.units += 1;
        choice.cost += bundle.cost;
        choice.worth += bundle.worth;
        menu.push(choice);
    }
    menu
}
