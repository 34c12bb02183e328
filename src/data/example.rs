//! An example: the tokens of a row, and its label if labels were read.

use super::truth::Truth;

/// The tokens and the label of one row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Vocabulary indices, special tokens included.
    pub ids: Vec<u32>,
    /// Segment ids.
    pub types: Vec<u32>,
    /// The true answer. `None` if labels are not read.
    pub truth: Option<Truth>,
}
