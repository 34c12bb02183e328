//! Beginnings of texts, for people who look at some rows of the data.

/// Maximum number of characters of an excerpt.
pub const CHARACTERS: usize = 300;

/// Returns the beginning of a text for a document.
#[must_use]
pub fn excerpt(text: &str) -> String {
    beginning(text, CHARACTERS)
}

/// Returns at most this number of characters of a text. They end with an ellipsis if something was cut off.
#[must_use]
pub fn beginning(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
