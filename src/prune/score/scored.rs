//! What the answer term compares.

use crate::answer::task::Divergence;
use crate::model::chain::Model;
use crate::model::layer::sequence::Sequence;

/// A head, and how far two of its answers are apart.
#[derive(Clone, Copy)]
pub struct Scored<'a> {
    /// The head.
    pub head: &'a Sequence,
    /// The divergence of its answers.
    pub answer: &'a dyn Divergence,
}

impl<'a> Scored<'a> {
    /// Compares the answers of a model.
    #[must_use]
    pub fn answers(model: &'a Model, answer: &'a dyn Divergence) -> Self {
        Self {
            head: &model.head,
            answer,
        }
    }
}
