//! Beginnings of texts, for documents that show some rows of the data.

/// Maximum number of characters of an excerpt.
pub const CHARACTERS: usize = 300;

/// Returns the beginning of a text. It ends with an ellipsis if something was cut off.
#[must_use]
pub fn excerpt(text: &str) -> String {
    match text.char_indices().nth(CHARACTERS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
