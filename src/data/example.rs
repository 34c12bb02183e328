//! One example: tokens, and a label where it was asked for.

use super::label::Label;

/// Tokens of one row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Vocabulary indices, special tokens included.
    pub ids: Vec<u32>,
    /// Segments.
    pub types: Vec<u32>,
    /// The truth; `None` where labels are not read.
    pub label: Option<Label>,
}
