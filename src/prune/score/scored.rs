//! What the answer term compares.

use crate::answer::task::Answer;
use crate::model::chain::Model;
use crate::model::layer::sequence::Sequence;

/// A head, and the divergence of its answers.
#[derive(Clone, Copy)]
pub struct Scored<'a> {
    /// The head.
    pub head: &'a Sequence,
    /// The task of its answers.
    pub answer: &'a dyn Answer,
}

impl<'a> Scored<'a> {
    /// Compares the answers of a model.
    #[must_use]
    pub fn answers(model: &'a Model, answer: &'a dyn Answer) -> Self {
        Self {
            head: &model.head,
            answer,
        }
    }
}
