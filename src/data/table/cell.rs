//! A field of a table.

use super::list::List;

/// The content of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// A text, or a number as it is written in the file.
    Text(String),
    /// A boolean, in a format that has booleans.
    Flag(bool),
    /// No value: JSON's null, a missing key, Parquet's null.
    Null,
    /// A list of texts, numbers and booleans.
    List(Box<List>),
    /// A value that is not read: an object without a `text`, bytes, a list of such values, or a list in a column whose lists are not
    /// read. The string names the kind.
    Nested(&'static str),
}

/// The name of a list in messages.
pub(super) const LIST: &str = "a list";

/// The name of an object in messages.
pub(super) const OBJECT: &str = "an object";

/// The key of an object that is read in place of the object, in columns whose lists are read. The answers of questions are
/// objects with their text or texts, and where these begin.
pub(super) const TEXT: &str = "text";

/// The name of a list that cannot be read, in messages.
pub(super) const NESTED_LIST: &str = "a list of lists or objects";

impl Cell {
    /// Returns the field as a text, or `None` if it has no value, or a list or nested value.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Flag(true) => Some("true"),
            Self::Flag(false) => Some("false"),
            Self::Null | Self::List(_) | Self::Nested(_) => None,
        }
    }

    /// Returns the field as a list, or `None` if it is not a list.
    #[must_use]
    pub fn list(&self) -> Option<&List> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// Describes the content, for messages.
    #[must_use]
    pub fn described(&self) -> String {
        match self {
            Self::Text(text) => format!("\"{text}\""),
            Self::Flag(flag) => flag.to_string(),
            Self::Null => "null".to_owned(),
            Self::List(_) => LIST.to_owned(),
            Self::Nested(kind) => (*kind).to_owned(),
        }
    }
}

impl From<List> for Cell {
    fn from(mut list: List) -> Self {
        list.shrink();
        Self::List(Box::new(list))
    }
}
