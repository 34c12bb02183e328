//! What the vocabulary of a tokenizer lies in: `tokenizer.json`, or `vocab.txt` with one token a line.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::super::error::CheckpointError;
use super::super::json;
use super::super::limits::Limits;
use super::super::small_file;

/// Either is enough.
pub(super) const NAMES: [&str; 2] = ["tokenizer.json", "vocab.txt"];

/// The file that a folder has; `tokenizer.json` counts where both are there.
pub(super) enum Source {
    /// `tokenizer.json`.
    Document(Map<String, Value>),
    /// `vocab.txt`: index by token.
    Vocabulary(Map<String, Value>),
}

impl Source {
    /// Reads it.
    ///
    /// # Errors
    /// When neither file is there, or it cannot be read.
    pub(super) fn read(folder: &Path, limits: &Limits) -> Result<Self, CheckpointError> {
        let most = limits.tokenizer_bytes;
        let [document, vocabulary] = NAMES;
        if let Some(document) =
            json::object_where_there(folder, document, most, CheckpointError::Tokenizer)?
        {
            return Ok(Self::Document(document));
        }
        let path = folder.join(vocabulary);
        if path.is_file() {
            return tokens(&path, most).map(Self::Vocabulary);
        }
        Err(CheckpointError::Tokenizer(format!(
            "{} holds no {document} and no {vocabulary}; save the fast tokenizer into it with save_pretrained(..)",
            folder.display()
        )))
    }

    /// Whether `tokenizer.json` was saved with this setting (`truncation`, `padding`) on the left.
    pub(super) fn is_left(&self, setting: &str) -> bool {
        match self {
            Self::Document(document) => document
                .get(setting)
                .is_some_and(|saved| saved["direction"] == "Left"),
            Self::Vocabulary(_) => false,
        }
    }
}

/// A token that stands there twice has its last index, as in transformers.
fn tokens(path: &Path, most: u64) -> Result<Map<String, Value>, CheckpointError> {
    let text = String::from_utf8(small_file::read(path, most)?).map_err(|_| {
        CheckpointError::Tokenizer(format!(
            "{} is not UTF-8; convert it, for example with iconv",
            path.display()
        ))
    })?;
    let tokens = text.lines().enumerate();
    Ok(tokens
        .map(|(index, token)| (token.trim_end().to_owned(), json!(index)))
        .collect())
}
