//! The tokenizer that one major version of transformers builds from a folder.

use tokenizers::TruncationParams;

use super::super::error::CheckpointError;
use super::class::{Class, Major};
use super::settings::Settings;
use super::source::Source;
use super::{Encoding, WordEncoding, build};

/// A tokenizer as one major version of transformers builds it.
pub(super) struct VersionedTokenizer {
    pub(super) inner: tokenizers::Tokenizer,
    /// Whether the model receives segment ids. If not, it receives zeros.
    pub(super) segments: bool,
}

impl VersionedTokenizer {
    pub(super) fn build(
        source: &Source,
        settings: &Settings,
        class: &Class,
        major: Major,
        max_length: usize,
    ) -> Result<Self, CheckpointError> {
        let mut inner = build::build(source, settings, class, major)?;
        let special = inner.get_post_processor().map_or(0, |processor| {
            tokenizers::PostProcessor::added_tokens(processor, true)
        });
        if max_length <= special {
            return Err(CheckpointError::Tokenizer(format!(
                "the tokenizer's model_max_length is {max_length}, which leaves no room for text in addition to the {special} special tokens of a pair"
            )));
        }
        let truncation = TruncationParams {
            max_length,
            direction: settings.truncation.unwrap_or_default(),
            ..TruncationParams::default()
        };
        inner.with_truncation(Some(truncation)).map_err(|error| {
            CheckpointError::Tokenizer(format!(
                "could not truncate texts to {max_length} tokens: {error}"
            ))
        })?;
        let segments = match &settings.inputs {
            Some(inputs) => inputs.iter().any(|input| input == "token_type_ids"),
            None => class.has_segments(major),
        };
        Ok(Self { inner, segments })
    }

    /// Returns whether both have the same definition, so that they produce the same encoding of every text.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let document = |tokenizer: &Self| tokenizer.inner.to_string(false).ok();
        self.segments == other.segments && document(self) == document(other)
    }

    /// Encodes a text, or a pair of texts. An empty second text counts as missing.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Tokenizer`] if the text cannot be encoded.
    pub(super) fn encode(
        &self,
        text: &str,
        pair: Option<&str>,
    ) -> Result<Encoding, CheckpointError> {
        let encoding = match pair.filter(|pair| !pair.is_empty()) {
            Some(pair) => self.inner.encode((text, pair), true),
            None => self.inner.encode(text, true),
        };
        Ok(self.inputs(&encoding.map_err(unencodable)?))
    }

    /// Encodes a list of words.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Tokenizer`] if the words cannot be encoded.
    pub(super) fn encode_words(&self, words: &[&str]) -> Result<WordEncoding, CheckpointError> {
        let encoding = self.inner.encode(words, true).map_err(unencodable)?;
        let words = encoding.get_word_ids().iter();
        Ok(WordEncoding {
            encoding: self.inputs(&encoding),
            words: words.map(|word| word.map(|word| word as usize)).collect(),
        })
    }

    /// Returns the part of an encoding that a model reads.
    fn inputs(&self, encoding: &tokenizers::Encoding) -> Encoding {
        let ids = encoding.get_ids().to_vec();
        let types = match self.segments {
            true => encoding.get_type_ids().to_vec(),
            false => vec![0; ids.len()],
        };
        Encoding { ids, types }
    }
}

fn unencodable(error: tokenizers::Error) -> CheckpointError {
    CheckpointError::Tokenizer(format!("could not encode a text: {error}"))
}
