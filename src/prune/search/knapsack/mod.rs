//! The knapsack problem that the search solves: choose one item from the menu of each stage, so that the total worth
//! is as large as possible and the total cost lies between two limits.
//!
//! The stages form a chain. Neighbors may share a cost: the product of their numbers of units, for example the
//! weights of a convolution between two groups of channels. Without shared costs this is the multiple-choice knapsack
//! problem (Sinha and Zoltners 1979).
//!
//! 1. `lagrange`: a price of cost replaces the upper limit. Its optimum is an upper bound and shows how much
//!    worth each item loses at least.
//! 2. `fill`: a greedy choice within the limit. Its distance to the bound is the first known gap.
//! 3. `exact`: only items that lose less than the gap can improve on it (the core of Balas and Zemel 1980). All their
//!    combinations are tried, which proves that the best of them is optimal.
//!
//! The modules know nothing of models. Every result depends only on the input, never on the machine or on time.

mod candidates;
mod exact;
mod fill;
mod hull;
mod labels;
mod lagrange;
mod link;
mod stage;

use exact::Search;
use lagrange::Lagrangian;
pub use stage::{Choice, Stage, total};

/// A knapsack problem, prepared for any limits.
pub struct Knapsack {
    lagrangian: Lagrangian,
    /// Cost of the cheapest choice.
    least: u64,
    /// Common divisor of the differences between the costs of any two choices.
    divisor: u64,
}

impl Knapsack {
    /// Prepares the problem.
    #[must_use]
    pub fn new(stages: Vec<Stage>) -> Self {
        Self {
            least: total(&stages, &vec![0; stages.len()]).0,
            divisor: stage::divisor(&stages),
            lagrangian: Lagrangian::new(stages),
        }
    }

    /// Returns the stages.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.lagrangian.stages
    }

    /// Returns the item of each stage in the choice with the most worth that costs at least `low` and at most `high`,
    /// or `None` if there is no such choice. The last stage takes the last item that fits. Of equally good choices, it
    /// returns the one in which the other stages cost least, unless the last stage shares a cost with them.
    ///
    /// The choice is optimal unless too many choices are almost equally good. Then the search keeps only some of
    /// them, which limits its time and memory. The choice is then close to the optimum, and the search may
    /// miss a choice that costs at least `low`.
    #[must_use]
    pub fn best(&self, low: u64, high: u64) -> Option<Vec<usize>> {
        let stages = self.stages();
        if stages.is_empty() {
            return (low == 0).then(Vec::new);
        }
        // The highest cost within the limit that a choice can have: it makes the bound tighter.
        let room = high.checked_sub(self.least)?;
        let high = self.least + room.checked_div(self.divisor).unwrap_or(0) * self.divisor;
        if high < low {
            return None;
        }
        let (relaxed, below) = self.lagrangian.tightest(high);
        let filled = fill::fill(stages, below, high);
        let search = Search::new(stages, &relaxed, high);
        let free = search.without_low(filled);
        if total(stages, &free).0 >= low {
            return Some(free);
        }
        search.with_low(low, &free)
    }
}
