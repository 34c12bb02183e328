//! The rows whose answers changed most, for a look at what pruning does.
//!
//! Rows whose answer became less right come first, then other rows with another prediction, then all others. Rows of the same
//! kind are in the order of their divergence.

use std::cmp::{Ordering, Reverse};
use std::sync::Mutex;

use crate::answer::task::{Answer, Description, Example};
use crate::data::examples::Examples;
use crate::data::excerpt::excerpt;
use crate::prune::lanes::locked;
use crate::prune::report::ChangedRow;

/// How much an answer changed. More telling changes are greater.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// What became of the answer.
    pub kind: Kind,
    /// Its divergence from that of the original model.
    pub divergence: f64,
    /// The example.
    pub example: usize,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The predictions are equal, or the answer is no prediction of one of several classes.
    Same,
    /// The predictions differ.
    Other,
    /// The answer is less right than before.
    Wrong,
}

impl Change {
    fn order(&self, other: &Self) -> Ordering {
        let kinds = self.kind.cmp(&other.kind);
        let divergences = self.divergence.total_cmp(&other.divergence);
        let examples = Reverse(self.example).cmp(&Reverse(other.example));
        kinds.then(divergences).then(examples)
    }
}

/// The most telling rows so far. They do not depend on the order in which rows are offered.
pub struct Changed<'a> {
    answer: &'a dyn Answer,
    examples: &'a dyn Examples,
    most: usize,
    best: Mutex<Vec<(Change, ChangedRow)>>,
}

impl<'a> Changed<'a> {
    /// Starts without rows. At most `most` are kept.
    #[must_use]
    pub fn new(answer: &'a dyn Answer, examples: &'a dyn Examples, most: usize) -> Self {
        Self {
            answer,
            examples,
            most,
            best: Mutex::new(Vec::new()),
        }
    }

    /// Offers a row, whose truth is that of the example. Rows whose answers read the same are not kept.
    pub fn offer(&self, change: Change, example: Example<'_>) {
        if !change.divergence.is_finite() || !self.has_place_for(&change) {
            return;
        }
        let positions = self.examples.positions(change.example);
        let example = Example {
            positions: &positions,
            ..example
        };
        let Description {
            before,
            after,
            truth,
        } = self.answer.describe(&example);
        if before == after {
            return;
        }
        let origin = self.examples.origin(change.example);
        let row = ChangedRow {
            row: origin.row,
            input: (!origin.shown.is_empty()).then_some(origin.shown),
            before: excerpt(&before),
            after: excerpt(&after),
            truth: truth.map(|truth| excerpt(&truth)),
            divergence: change.divergence,
        };
        let mut best = locked(&self.best);
        let place = best.partition_point(|(other, _)| other.order(&change).is_gt());
        best.insert(place, (change, row));
        best.truncate(self.most);
    }

    fn has_place_for(&self, change: &Change) -> bool {
        let best = locked(&self.best);
        match best.last() {
            Some((last, _)) if best.len() >= self.most => change.order(last).is_gt(),
            _ => self.most > 0,
        }
    }

    /// Returns the rows, the most telling one first.
    #[must_use]
    pub fn rows(self) -> Vec<ChangedRow> {
        let best = self
            .best
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        best.into_iter().map(|(_, row)| row).collect()
    }
}
