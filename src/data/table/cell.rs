//! A field of a table.

/// The content of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// A text, or a number as it is written in the file.
    Text(String),
    /// A boolean, in a format that has booleans.
    Flag(bool),
    /// No value: JSON's null, a missing key, Parquet's null.
    Null,
    /// A list, an object or bytes, which cannot be a text or a label. The string names the kind.
    Nested(&'static str),
}

impl Cell {
    /// Returns the field as a text, or `None` if it has no value or a nested one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Flag(true) => Some("true"),
            Self::Flag(false) => Some("false"),
            Self::Null | Self::Nested(_) => None,
        }
    }

    /// Describes the content, for messages.
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
