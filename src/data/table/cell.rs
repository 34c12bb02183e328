//! One field of a table.

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// A text, or a number as it was written.
    Text(String),
    /// `true` or `false` of a format that knows them.
    Flag(bool),
    /// Nothing: JSON's null, a missing key, Parquet's null.
    Null,
    /// A list, an object or bytes, which no text or label can be; the word says which.
    Nested(&'static str),
}

impl Cell {
    /// The field as a text; `None` where it holds nothing or something else.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Flag(true) => Some("true"),
            Self::Flag(false) => Some("false"),
            Self::Null | Self::Nested(_) => None,
        }
    }

    /// What stands there, for messages.
    #[must_use]
    pub fn described(&self) -> String {
        match self {
            Self::Text(text) => format!("\"{text}\""),
            Self::Flag(flag) => flag.to_string(),
            Self::Null => "null".to_owned(),
            Self::Nested(kind) => (*kind).to_owned(),
        }
    }
}
