//! Proof of optimality: all choices with a small gap are enumerated, and the gap grows until the best choice is known.
//!
//! The gap of a choice is the distance of its worth to the upper bound. A choice that is better than another one has a
//! smaller gap. So if the enumeration of all choices with a gap of at most `g` finds one, its best is optimal.

use super::candidates::{self, Candidate};
use super::labels::{Enumeration, Found};
use super::lagrange::{Relaxed, rounding};
use super::stage::{Stage, total};

/// The first enumeration allows the gap of the greedy choice divided by this number.
const FIRST: f64 = 1024.0;

/// Factor between the gaps that two consecutive enumerations allow. The number of labels grows like a power of the
/// gap whose exponent is half the number of stages, so the factor must be small.
const GROWTH: f64 = 1.5;

/// The search at one upper limit of the cost.
pub(super) struct Search<'a> {
    stages: &'a [Stage],
    relaxed: &'a Relaxed,
    high: u64,
    /// Upper bound of the worth.
    bound: f64,
    /// Bound of the rounding errors of gaps. Equally good choices may differ by this much.
    slack: f64,
}

impl<'a> Search<'a> {
    pub(super) fn new(stages: &'a [Stage], relaxed: &'a Relaxed, high: u64) -> Self {
        let limit = relaxed.price * high as f64;
        let largest = |stage: &Stage| {
            let worths = stage.menu.iter().map(|choice| choice.worth.abs());
            worths.fold(0.0, f64::max)
        };
        let everything: f64 = stages.iter().map(largest).sum();
        Self {
            stages,
            relaxed,
            high,
            bound: relaxed.value + limit,
            slack: rounding(stages, everything.max(limit)),
        }
    }

    /// Returns the best choice that costs at most `high`. `known` is such a choice.
    pub(super) fn without_low(&self, known: Vec<usize>) -> Vec<usize> {
        let gap = self.gap(&known);
        let candidates = candidates::within(self.stages, self.relaxed, gap + self.slack);
        let best = self.deepen(0, &candidates, gap / FIRST, Some(known.clone()));
        best.unwrap_or(known)
    }

    /// Returns the best choice that costs at least `low` and at most `high`. `free` is the best choice without the lower
    /// limit.
    pub(super) fn with_low(&self, low: u64, free: &[usize]) -> Option<Vec<usize>> {
        let candidates = candidates::within(self.stages, self.relaxed, f64::INFINITY);
        self.deepen(low, &candidates, self.gap(free), None)
    }

    fn gap(&self, items: &[usize]) -> f64 {
        self.bound - total(self.stages, items).1
    }

    /// Enumerates choices with growing gaps. `allowed` is the first gap, and `known` is a choice within the limits.
    fn deepen(
        &self,
        low: u64,
        candidates: &[Vec<Candidate>],
        mut allowed: f64,
        known: Option<Vec<usize>>,
    ) -> Option<Vec<usize>> {
        let mut known = known.map(|items| (total(self.stages, &items).1, items));
        let mut last = false;
        loop {
            if let Some((worth, _)) = &known {
                allowed = allowed.min(self.bound - worth);
            }
            let enumeration = Enumeration {
                stages: self.stages,
                relaxed: self.relaxed,
                candidates,
                low,
                high: self.high,
                limit: allowed + self.slack,
            };
            let Found {
                best,
                excluded,
                thinned,
            } = enumeration.run();
            if let Some((worth, items)) = best
                && known.as_ref().is_none_or(|(most, _)| worth >= *most)
            {
                known = Some((worth, items));
            }
            // All choices with so small a gap were tried. Rounding may have dropped the known one, which is then still
            // the best.
            let proven = |worth: f64| !thinned && self.bound - worth <= allowed;
            // A gap that no number expresses, for example of infinite worths, cannot grow.
            let ends = !excluded || last || !allowed.is_finite();
            if ends || known.as_ref().is_some_and(|&(worth, _)| proven(worth)) {
                return known.map(|(_, items)| items);
            }
            // If too many choices are almost equally good, the last enumeration samples all that may be the best.
            last = thinned;
            allowed = match thinned {
                true => f64::INFINITY,
                false => (GROWTH * allowed).max(self.slack),
            };
        }
    }
}
