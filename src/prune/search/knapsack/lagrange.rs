//! The relaxed problem: the cost is not limited but has a price.
//!
//! At a price, the most valuable choice maximizes `worth - price * cost`. No choice that costs at most as much has more
//! worth (Everett 1963, "Generalized Lagrange multiplier method"). Only neighbors share costs, so
//! one pass along the chain finds it (Viterbi 1967). For any price and any limit, `value + price * limit` is an upper
//! bound of the worth of every choice that costs at most the limit.
//!
//! Consecutive stages that share costs form a run. Runs do not depend on each other, so their values add up.

use super::hull::Hull;
use super::link;
use super::stage::{Choice, Stage, starts_run, total};

/// Maximum number of prices that are tried. Any price gives a valid bound, so the limit only affects the time.
const PRICES: usize = 100;

/// The relaxed problem for any price.
pub(super) struct Lagrangian {
    pub(super) stages: Vec<Stage>,
    /// The hull of each stage that shares no costs.
    hulls: Vec<Option<Hull>>,
}

/// The most valuable choice at a price.
#[derive(Clone, Debug)]
pub(super) struct Relaxed {
    /// Price of one unit of cost.
    pub(super) price: f64,
    /// The maximum of `worth - price * cost`.
    pub(super) value: f64,
    /// The item of each stage. Of equally valuable items, it is the first.
    items: Vec<usize>,
    cost: u64,
    worth: f64,
    /// For each item of a stage that shares costs with the next stage, the value of the later stages of the run,
    /// with all shared costs. Empty for the other stages.
    after: Vec<Vec<f64>>,
}

impl Lagrangian {
    pub(super) fn new(stages: Vec<Stage>) -> Self {
        let hulls = stages.iter().enumerate().map(|(index, stage)| {
            let alone = starts_run(&stages, index) && stage.pair == 0;
            alone.then(|| Hull::new(&stage.menu))
        });
        Self {
            hulls: hulls.collect(),
            stages,
        }
    }

    /// Solves the relaxed problem at the price with the lowest bound for choices that cost at most `high`. Also
    /// returns the items of a choice that costs at most `high`. At least the cheapest choice must cost so little.
    ///
    /// Two choices enclose the limit. At the price at which they are equally valuable, a third choice is more valuable
    /// and replaces one of them, or the bound is the lowest (Handler and Zang 1980).
    pub(super) fn tightest(&self, high: u64) -> (Relaxed, Vec<usize>) {
        let mut best = self.at(0.0);
        if best.cost <= high {
            let items = best.items.clone();
            return (best, items);
        }
        let mut below = vec![0; self.stages.len()];
        let (mut cost, mut worth) = total(&self.stages, &below);
        let mut above = (best.cost, best.worth);
        for _ in 0..PRICES {
            let price = (above.1 - worth) / (above.0 - cost) as f64;
            best = self.at(price);
            let spent = price * cost as f64;
            if best.value <= worth - spent + rounding(&self.stages, worth.abs().max(spent)) {
                break;
            }
            if best.cost <= high {
                (cost, worth) = (best.cost, best.worth);
                below.clone_from(&best.items);
            } else {
                above = (best.cost, best.worth);
            }
        }
        (best, below)
    }

    /// Solves the relaxed problem at a price.
    fn at(&self, price: f64) -> Relaxed {
        let stages = &self.stages;
        let mut relaxed = Relaxed {
            price,
            value: 0.0,
            items: Vec::with_capacity(stages.len()),
            cost: 0,
            worth: 0.0,
            after: vec![Vec::new(); stages.len()],
        };
        for index in (1..stages.len()).rev() {
            let (stage, next) = (&stages[index - 1], &stages[index]);
            if stage.pair > 0 {
                let onward = relaxed.onward(stages, index);
                let weight = price * stage.pair as f64;
                relaxed.after[index - 1] = link::best(&onward, &next.menu, &stage.menu, weight);
            }
        }
        // Cost that each unit of the stage shares with the chosen item of the stage before.
        let mut shared = 0;
        for (index, stage) in stages.iter().enumerate() {
            let item = match &self.hulls[index] {
                Some(hull) => hull.at(price),
                None => {
                    let weight = price * shared as f64;
                    let onward = relaxed.onward(stages, index).into_iter();
                    let values = onward.zip(&stage.menu);
                    first_maximum(
                        values.map(|(value, choice)| value - weight * choice.units as f64),
                    )
                }
            };
            relaxed.items.push(item);
            if starts_run(stages, index) {
                relaxed.value += relaxed.run(stages, index);
            }
            shared = stage.pair * stage.menu[item].units as u64;
        }
        (relaxed.cost, relaxed.worth) = total(stages, &relaxed.items);
        relaxed
    }
}

impl Relaxed {
    /// Returns the value of an item alone.
    fn own(&self, choice: &Choice) -> f64 {
        choice.worth - self.price * choice.cost as f64
    }

    /// Returns the value of the later stages of an item's run, with the cost that they share with the item.
    pub(super) fn after(&self, stage: usize, item: usize) -> f64 {
        self.after[stage].get(item).copied().unwrap_or(0.0)
    }

    /// Returns for each item of a stage its value and the value of the later stages of its run.
    pub(super) fn onward(&self, stages: &[Stage], stage: usize) -> Vec<f64> {
        let menu = stages[stage].menu.iter().enumerate();
        menu.map(|(item, choice)| self.own(choice) + self.after(stage, item))
            .collect()
    }

    /// Returns the value of the run that a stage starts.
    pub(super) fn run(&self, stages: &[Stage], stage: usize) -> f64 {
        let item = self.items[stage];
        self.own(&stages[stage].menu[item]) + self.after(stage, item)
    }

    /// Returns for each stage and item how much value every choice that contains the item loses at least.
    pub(super) fn losses(&self, stages: &[Stage]) -> Vec<Vec<f64>> {
        let mut losses: Vec<Vec<f64>> = Vec::with_capacity(stages.len());
        let mut run = 0.0;
        // For each item of the stage before, the largest value of its run up to the item.
        let mut until: Vec<f64> = Vec::new();
        for (index, stage) in stages.iter().enumerate() {
            let before = match starts_run(stages, index) {
                true => {
                    run = self.run(stages, index);
                    vec![0.0; stage.menu.len()]
                }
                false => {
                    let last = &stages[index - 1];
                    let weight = self.price * last.pair as f64;
                    link::best(&until, &last.menu, &stage.menu, weight)
                }
            };
            let values = before.iter().zip(self.onward(stages, index));
            losses.push(
                values
                    .map(|(before, onward)| run - (before + onward))
                    .collect(),
            );
            let own = stage.menu.iter().map(|choice| self.own(choice));
            until = own.zip(before).map(|(own, before)| own + before).collect();
        }
        losses
    }
}

/// Returns a bound for the rounding errors of sums over all stages whose terms are at most `size`.
pub(super) fn rounding(stages: &[Stage], size: f64) -> f64 {
    8.0 * stages.len() as f64 * f64::EPSILON * size
}

fn first_maximum(values: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (index, value) in values.enumerate() {
        if value > best.1 {
            best = (index, value);
        }
    }
    best.0
}
