//! The best answer among the parts of a text: the part whose first and last position have the largest logits together.

use super::task::Outputs;

/// Maximum number of tokens of an answer, as in the examples of transformers.
pub(super) const MAX_TOKENS: usize = 30;

/// An answer that is a part of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BestSpan {
    /// First position.
    pub(super) first: usize,
    /// Last position.
    pub(super) last: usize,
    /// The logit of the first position as a start plus that of the last position as an end.
    pub(super) score: f64,
}

/// Returns the score of no answer: that of the first position, which is a special token.
pub(super) fn none(outputs: Outputs<'_>) -> f64 {
    let first = outputs.values.iter().take(2);
    first.map(|&logit| f64::from(logit)).sum()
}

/// Returns the best answer of at most [`MAX_TOKENS`] tokens, or the first of several equal ones. `None` if no position is part
/// of the text.
pub(super) fn best(outputs: Outputs<'_>) -> Option<BestSpan> {
    let logit = |position: usize, channel: usize| f64::from(outputs.values[2 * position + channel]);
    let is_part = |position: &usize| match outputs.passage {
        Some(passage) => passage.holds(*position),
        None => *position > 0 && outputs.is_asked(*position),
    };
    let mut best: Option<BestSpan> = None;
    for first in (0..outputs.positions).filter(is_part) {
        let within = first..outputs.positions.min(first + MAX_TOKENS);
        for last in within.filter(is_part) {
            let score = logit(first, 0) + logit(last, 1);
            if best.is_none_or(|best| score > best.score) {
                best = Some(BestSpan { first, last, score });
            }
        }
    }
    best
}
