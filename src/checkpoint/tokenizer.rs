//! The tokenizer of a checkpoint: texts to ids, without padding.

use std::path::Path;

use tokenizers::{EncodeInput, TruncationParams};

use super::error::CheckpointError;
use super::limits::Limits;
use super::weights::read_capped;

/// Files that belong to a tokenizer, in one or another of its forms.
const FILES: &[&str] = &[
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "spiece.model",
];

/// A tokenizer.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
}

/// A text as a model takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// Vocabulary indices, special tokens included.
    pub ids: Vec<u32>,
    /// 0 for the first text of a pair, 1 for the second.
    pub types: Vec<u32>,
}

impl Tokenizer {
    /// Reads `tokenizer.json` of a folder. Rows are cut to `max_length` tokens, the longer text of a pair first.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    pub fn open(
        folder: &Path,
        max_length: usize,
        limits: &Limits,
    ) -> Result<Self, CheckpointError> {
        let path = folder.join("tokenizer.json");
        if !path.is_file() {
            return Err(CheckpointError::Tokenizer(format!(
                "{} holds no tokenizer.json; save the fast tokenizer into it with save_pretrained(..)",
                folder.display()
            )));
        }
        let bytes = read_capped(&path, limits.tokenizer_bytes)?;
        let unreadable = |error: tokenizers::Error| {
            CheckpointError::Tokenizer(format!("{} cannot be read: {error}", path.display()))
        };
        let mut inner = tokenizers::Tokenizer::from_bytes(&bytes).map_err(unreadable)?;
        inner.with_padding(None);
        let truncation = TruncationParams {
            max_length,
            ..TruncationParams::default()
        };
        inner
            .with_truncation(Some(truncation))
            .map_err(unreadable)?;
        Ok(Self { inner })
    }

    /// Encodes a text, or a pair of texts.
    ///
    /// # Errors
    /// When the tokenizer fails on it.
    pub fn encode(&self, text: &str, pair: Option<&str>) -> Result<Encoding, CheckpointError> {
        let input = match pair {
            Some(pair) => EncodeInput::Dual(text.into(), pair.into()),
            None => EncodeInput::Single(text.into()),
        };
        let encoding = self.inner.encode(input, true);
        let encoding = encoding.map_err(|error| {
            CheckpointError::Tokenizer(format!("a text cannot be encoded: {error}"))
        })?;
        Ok(Encoding {
            ids: encoding.get_ids().to_vec(),
            types: encoding.get_type_ids().to_vec(),
        })
    }
}

/// Whether a file of this name belongs to a tokenizer.
#[must_use]
pub fn is_file_of_one(name: &str) -> bool {
    FILES.contains(&name)
}

/// The tokenizer's files that a folder has.
#[must_use]
pub fn files(folder: &Path) -> Vec<String> {
    let present = FILES.iter().filter(|name| folder.join(name).is_file());
    present.map(|name| (*name).to_owned()).collect()
}
