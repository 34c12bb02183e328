//! A token in the tokenizer files: a string, or an object with flags.

use serde_json::{Map, Value};
use tokenizers::AddedToken;

/// A special token as it is written in a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A string without flags. transformers looks for its flags elsewhere.
    Text(String),
    /// An object with flags.
    Flagged(AddedToken),
}

impl Token {
    pub(super) fn content(&self) -> &str {
        match self {
            Self::Text(content) => content,
            Self::Flagged(token) => &token.content,
        }
    }

    /// Converts to the token to add. It becomes special, because it is one of the special tokens.
    pub(super) fn into_added(self) -> AddedToken {
        match self {
            Self::Text(content) => AddedToken::from(content, true),
            Self::Flagged(token) => token.special(true),
        }
    }

    /// Marks a token with flags as special. A token without flags stays unchanged.
    pub(super) fn into_special(self) -> Self {
        match self {
            Self::Flagged(token) => Self::Flagged(token.special(true)),
            text => text,
        }
    }
}

/// Parses a string or an object. Returns `None` for anything else.
pub(super) fn read(value: &Value) -> Option<Token> {
    match value {
        Value::String(text) => Some(Token::Text(text.clone())),
        value => read_object(value).map(Token::Flagged),
    }
}

/// Parses an object. The default of `normalized` is the opposite of `special`, as in the tokenizers library.
pub(super) fn read_object(value: &Value) -> Option<AddedToken> {
    let object: &Map<String, Value> = value.as_object()?;
    let content = object.get("content")?.as_str()?;
    let flag = |key: &str| match object.get(key) {
        None | Some(Value::Null) => Some(None),
        Some(value) => value.as_bool().map(Some),
    };
    let special = flag("special")?.unwrap_or(false);
    Some(
        AddedToken::from(content, special)
            .single_word(flag("single_word")?.unwrap_or(false))
            .lstrip(flag("lstrip")?.unwrap_or(false))
            .rstrip(flag("rstrip")?.unwrap_or(false))
            .normalized(flag("normalized")?.unwrap_or(!special)),
    )
}
