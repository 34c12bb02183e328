//! A text of which the answers to a question are parts.

use std::ops::Range;
use std::sync::Arc;

/// The text behind a row of tokens, and the part of it for which each token stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Number of the question's row in the data. The windows of a long text are rows of tokens of one question.
    pub question: usize,
    text: Arc<str>,
    /// First byte of the text and the byte after the last one, for each position.
    places: Vec<Option<Range<u32>>>,
}

impl Passage {
    /// Creates a passage. `places` has the part of the text for each position, in bytes, and `None` for a token that is none.
    #[must_use]
    pub fn new(question: usize, text: Arc<str>, places: Vec<Option<Range<u32>>>) -> Self {
        Self {
            question,
            text,
            places,
        }
    }

    /// Whether a position is part of the text.
    #[must_use]
    pub fn holds(&self, position: usize) -> bool {
        self.places.get(position).is_some_and(Option::is_some)
    }

    /// Returns the text from one position to another. Empty if one of them is not part of the text.
    #[must_use]
    pub fn between(&self, first: usize, last: usize) -> &str {
        let place = |position: usize| self.places.get(position).cloned().flatten();
        let (Some(first), Some(last)) = (place(first), place(last)) else {
            return "";
        };
        let start = self.text.floor_char_boundary(first.start as usize);
        let end = self.text.ceil_char_boundary(last.end as usize);
        self.text.get(start..end).unwrap_or_default()
    }

    /// Returns the text of all positions.
    #[must_use]
    pub fn whole(&self) -> &str {
        let is_place = |place: &Option<Range<u32>>| place.is_some();
        let first = self.places.iter().position(is_place);
        let last = self.places.iter().rposition(is_place);
        match (first, last) {
            (Some(first), Some(last)) => self.between(first, last),
            _ => "",
        }
    }

    /// Returns 1 for each position that can be part of an answer, and 0 for the others. The first position counts: it stands
    /// for no answer.
    pub fn asked(&self) -> impl Iterator<Item = u32> {
        let places = self.places.iter().enumerate();
        places.map(|(position, place)| u32::from(position == 0 || place.is_some()))
    }
}
