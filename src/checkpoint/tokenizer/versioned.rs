//! The tokenizer that one major version of transformers builds from a folder.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::TruncationParams;

use super::super::error::CheckpointError;
use super::build;
use super::class::{Class, Major};
use super::cut::Cut;
use super::encoding::{Encoding, WordEncoding};
use super::growth::Growth;
use super::settings::Settings;
use super::source::Source;

/// A tokenizer as one major version of transformers builds it.
pub(super) struct VersionedTokenizer {
    pub(super) inner: tokenizers::Tokenizer,
    /// Whether the model receives segment ids. If not, it receives zeros.
    pub(super) segments: bool,
    /// Where texts are cut before they are tokenized, if this is exact.
    cut: Option<Cut>,
    growth: Growth,
    max_length: usize,
}

/// Maximum size of a text that is tokenized, in bytes; of both texts of a pair, or of all words of a list, together.
const MAX_TEXT_BYTES: usize = 1 << 20;

impl VersionedTokenizer {
    pub(super) fn build(
        source: &Source,
        settings: &Settings,
        class: &Class,
        major: Major,
        max_length: usize,
    ) -> Result<Self, CheckpointError> {
        let mut inner = build::build(source, settings, class, major)?;
        let growth = Growth::of(&inner)?;
        let special = inner.get_post_processor().map_or(0, |processor| {
            tokenizers::PostProcessor::added_tokens(processor, true)
        });
        if max_length <= special {
            return Err(CheckpointError::Tokenizer(format!(
                "the tokenizer's model_max_length is {max_length}, which leaves no room for text in addition to the {special} special tokens of a pair"
            )));
        }
        let direction = settings.truncation.unwrap_or_default();
        let cut = Cut::of(&inner, direction, max_length);
        let truncation = TruncationParams {
            max_length,
            direction,
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
        Ok(Self {
            inner,
            segments,
            cut,
            growth,
            max_length,
        })
    }

    /// Returns the same tokenizer without a maximum length.
    ///
    /// # Errors
    /// Does not fail in practice, because nothing is truncated.
    pub(super) fn without_truncation(&self) -> Result<Self, CheckpointError> {
        let mut inner = self.inner.clone();
        inner.with_truncation(None).map_err(unencodable)?;
        Ok(Self {
            inner,
            segments: self.segments,
            cut: None,
            growth: self.growth,
            max_length: usize::MAX,
        })
    }

    /// Encodes a pair of texts, and returns the encoding with all that the library knows about it.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Tokenizer`] if the texts cannot be encoded, and [`CheckpointError::Limit`] if they are too
    /// long.
    pub(super) fn encode_whole(
        &self,
        [text, pair]: [&str; 2],
    ) -> Result<tokenizers::Encoding, CheckpointError> {
        self.check(&[text, pair])?;
        caught(|| self.inner.encode((text, pair), true))
    }

    /// Returns whether both have the same definition, so that they produce the same encoding of every text.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let document = |tokenizer: &Self| tokenizer.inner.to_string(false).ok();
        self.segments == other.segments && document(self) == document(other)
    }

    /// Encodes a text, or a pair of texts. An empty second text counts as missing.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Tokenizer`] if the text cannot be encoded, and [`CheckpointError::Limit`] if it is too long.
    pub(super) fn encode(
        &self,
        text: &str,
        pair: Option<&str>,
    ) -> Result<Encoding, CheckpointError> {
        let encoding = match pair.filter(|pair| !pair.is_empty()) {
            Some(pair) => {
                let both = self.cut.map_or([text, pair], |cut| cut.pair([text, pair]));
                self.check(&both)?;
                let [text, pair] = both;
                caught(|| self.inner.encode((text, pair), true))?
            }
            None => {
                let text = self.cut.map_or(text, |cut| cut.text(text));
                self.check(&[text])?;
                caught(|| self.inner.encode(text, true))?
            }
        };
        self.inputs(&encoding)
    }

    /// Encodes a list of words.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Tokenizer`] if the words cannot be encoded, and [`CheckpointError::Limit`] if they are too
    /// long together.
    pub(super) fn encode_words(&self, words: &[&str]) -> Result<WordEncoding, CheckpointError> {
        let words = self.cut.map_or(words, |cut| cut.list(words));
        self.check(words)?;
        let encoding = caught(|| self.inner.encode(words, true))?;
        let words = encoding.get_word_ids().iter();
        Ok(WordEncoding {
            encoding: self.inputs(&encoding)?,
            words: words.map(|word| word.map(|word| word as usize)).collect(),
        })
    }

    /// Checks the size of texts before and after their normalization.
    fn check(&self, texts: &[&str]) -> Result<(), CheckpointError> {
        let bytes: usize = texts.iter().map(|text| text.len()).sum();
        if bytes > MAX_TEXT_BYTES {
            return Err(CheckpointError::Limit(format!(
                "a text of {bytes} bytes is too long for the tokenizer: the limit is {MAX_TEXT_BYTES} bytes; shorten it"
            )));
        }
        self.growth.check(texts, &self.inner)
    }

    /// Returns the part of an encoding that a model reads.
    fn inputs(&self, encoding: &tokenizers::Encoding) -> Result<Encoding, CheckpointError> {
        let ids = encoding.get_ids().to_vec();
        if ids.len() > self.max_length {
            return Err(CheckpointError::Tokenizer(format!(
                "the tokenizer gives {} tokens for a text, but was told to truncate to {}; correct its post_processor",
                ids.len(),
                self.max_length
            )));
        }
        let types = match self.segments {
            true => encoding.get_type_ids().to_vec(),
            false => vec![0; ids.len()],
        };
        Ok(Encoding { ids, types })
    }
}

/// Encodes a text. The library panics on some combinations of settings that it does not check.
fn caught(
    encode: impl FnOnce() -> tokenizers::Result<tokenizers::Encoding>,
) -> Result<tokenizers::Encoding, CheckpointError> {
    match catch_unwind(AssertUnwindSafe(encode)) {
        Ok(encoding) => encoding.map_err(unencodable),
        Err(_) => Err(CheckpointError::Tokenizer(
            "could not encode a text: the tokenizer files contradict themselves".to_owned(),
        )),
    }
}

fn unencodable(error: tokenizers::Error) -> CheckpointError {
    CheckpointError::Tokenizer(format!("could not encode a text: {error}"))
}
