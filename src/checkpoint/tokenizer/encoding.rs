//! Encoded texts, lists of words, and windows of texts.

use std::ops::Range;

/// An encoded text, the input of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// Vocabulary indices, special tokens included.
    pub ids: Vec<u32>,
    /// Segment ids: 0 for the first text of a pair, 1 for the second.
    pub types: Vec<u32>,
}

/// An encoded list of words, and the word of each token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordEncoding {
    /// The tokens of all words.
    pub encoding: Encoding,
    /// For each token, the position of its word in the list, or `None` for a special token of the template. The
    /// positions increase. Words without tokens, and words that were truncated, are missing.
    pub words: Vec<Option<usize>>,
}

/// An encoded question with a window of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowEncoding {
    /// The tokens of both.
    pub encoding: Encoding,
    /// For each token, the part of the text for which it stands, in bytes. `None` for a token of the question or of the
    /// template.
    pub places: Vec<Option<Range<u32>>>,
}
