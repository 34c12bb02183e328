//! The file with the vocabulary of a tokenizer: `tokenizer.json`, or `vocab.txt` with one token per line.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::super::error::CheckpointError;
use super::super::json;
use super::super::limits::Limits;
use super::super::small_file;

/// Names of the two files. A folder needs only one of them.
pub(super) const NAMES: [&str; 2] = ["tokenizer.json", "vocab.txt"];

/// The content of the file. If a folder has both files, `tokenizer.json` is used.
pub(super) enum Source {
    /// The object in `tokenizer.json`.
    Document(Map<String, Value>),
    /// The tokens of `vocab.txt`, with their indices as values.
    Vocabulary(Map<String, Value>),
}

impl Source {
    /// Reads the file of a folder.
    ///
    /// # Errors
    /// Returns [`CheckpointError`] if neither file exists, or the file cannot be read.
    pub(super) fn read(folder: &Path, limits: &Limits) -> Result<Self, CheckpointError> {
        let most = (limits.tokenizer_bytes, limits.values);
        let [document, vocabulary] = NAMES;
        if let Some(document) =
            json::optional_object(folder, document, most, CheckpointError::Tokenizer)?
        {
            return Ok(Self::Document(document));
        }
        let path = folder.join(vocabulary);
        if path.exists() {
            return tokens(&path, limits).map(Self::Vocabulary);
        }
        Err(CheckpointError::Tokenizer(format!(
            "{} contains neither {document} nor {vocabulary}; save the fast tokenizer into it with save_pretrained()",
            folder.display()
        )))
    }

    /// Returns whether `tokenizer.json` was saved with this setting (`truncation` or `padding`) on the left.
    pub(super) fn is_left(&self, setting: &str) -> bool {
        match self {
            Self::Document(document) => document
                .get(setting)
                .is_some_and(|saved| saved["direction"] == "Left"),
            Self::Vocabulary(_) => false,
        }
    }
}

/// Reads the tokens of `vocab.txt` and their indices. A duplicate token gets its last index, as in transformers.
fn tokens(path: &Path, limits: &Limits) -> Result<Map<String, Value>, CheckpointError> {
    let bytes = small_file::read(path, limits.tokenizer_bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        CheckpointError::Tokenizer(format!(
            "{} is not UTF-8; convert it, for example with iconv",
            path.display()
        ))
    })?;
    if text.lines().nth(limits.values).is_some() {
        return Err(CheckpointError::Limit(format!(
            "{} has too many lines: the limit is {} tokens",
            path.display(),
            limits.values
        )));
    }
    let tokens = text.lines().enumerate();
    Ok(tokens
        .map(|(index, token)| (token.trim_end().to_owned(), json!(index)))
        .collect())
}
