//! A stage and its menu.

/// One item of a stage's menu.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Number of units. It only matters if the stage shares a cost with a neighbor.
    pub units: usize,
    /// Cost of the item, without the costs that the stage shares with its neighbors.
    pub cost: u64,
    /// Worth of the item.
    pub worth: f64,
}

/// One decision: exactly one item of the menu is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// The menu. It is not empty. From one item to the next, neither units nor cost nor worth fall.
    pub menu: Vec<Choice>,
    /// Cost of each pair of a unit of this stage and a unit of the next stage. It is 0 if they share no cost, and for
    /// the last stage.
    pub pair: u64,
}

impl Stage {
    /// Returns the cost that this stage shares with the next one, for these numbers of units.
    pub(super) fn shared(&self, units: usize, next: usize) -> u64 {
        self.pair * units as u64 * next as u64
    }

    /// Returns the index of the last item of the menu.
    pub(super) fn last(&self) -> usize {
        self.menu.len() - 1
    }
}

/// Whether a stage shares no cost with the stage before it.
pub(super) fn starts_run(stages: &[Stage], stage: usize) -> bool {
    stage == 0 || stages[stage - 1].pair == 0
}

/// Returns the cost and the worth of a choice of one item per stage.
///
/// # Panics
/// Panics if a stage has no such item.
#[must_use]
pub fn total(stages: &[Stage], items: &[usize]) -> (u64, f64) {
    let (mut cost, mut worth) = (0, 0.0);
    let mut shared = 0;
    for (stage, &item) in stages.iter().zip(items) {
        let choice = stage.menu[item];
        cost += choice.cost + shared * choice.units as u64;
        worth += choice.worth;
        shared = stage.pair * choice.units as u64;
    }
    (cost, worth)
}

/// Returns the greatest number that divides the difference between the costs of any two choices. It is 0 if all
/// choices cost the same.
pub(super) fn divisor(stages: &[Stage]) -> u64 {
    let mut divisor = 0;
    let mut units_before = 0;
    for stage in stages {
        let least = stage.menu[0].cost;
        let own = stage.menu.iter().map(|choice| choice.cost - least);
        divisor = own.fold(divisor, gcd);
        let units = stage.menu.iter().map(|choice| choice.units as u64);
        let units = units.fold(0, gcd);
        // The divisor of the pairs with the stage before: `units_before` includes the cost of a pair.
        divisor = gcd(divisor, units_before * units);
        units_before = stage.pair * units;
    }
    divisor
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
