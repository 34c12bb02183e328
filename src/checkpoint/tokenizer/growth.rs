//! Limits on how much longer a tokenizer makes a text.
//!
//! A normalizer is a list of steps, and each step can multiply the length of the text. A short file can so describe a
//! tokenizer that fills the memory with a short text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value};
use tokenizers::{NormalizedString, Normalizer, Tokenizer};

use super::super::error::CheckpointError;

/// Maximum number of steps of a normalizer, and of a pre-tokenizer. Steps in nested sequences count.
const MAX_STEPS: usize = 64;

/// Maximum of the factor by which a normalizer can multiply the length of a text. The normalizers of public models reach
/// about 1000 for texts of a single unusual character.
const MAX_NORMALIZED: f64 = 10_000.0;

/// Maximum of the same factor of a pre-tokenizer.
const MAX_PRE_TOKENIZED: f64 = 16.0;

/// Maximum size of the text that a `Replace` inserts, in bytes.
const MAX_INSERTED_BYTES: usize = 256;

/// Maximum number of characters of a word that a model divides into tokens. The time grows with its square.
const MAX_WORD_CHARS: u64 = 1_000;

/// Maximum index of a token. The library lists all unused indices below the largest one.
const MAX_INDEX: u64 = 10_000_000;

/// Maximum number of added tokens.
const MAX_ADDED: usize = 100_000;

/// Maximum size of all added tokens together, in bytes.
const MAX_ADDED_BYTES: usize = 4 << 20;

/// Maximum size of a text after its normalization, in bytes.
const MAX_NORMALIZED_BYTES: f64 = (2 << 20) as f64;

/// Size of the pieces in which the growth of a text is measured, in bytes. It is several times the size of the longest
/// pattern, and small enough for the largest factor.
const PIECE_BYTES: usize = 1 << 10;

/// How much longer the normalizer of a tokenizer makes texts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    /// Maximum factor of the length of any text.
    most: f64,
    /// The part of it that depends on the whole text: the factor of all regular expressions.
    of_patterns: f64,
}

impl Growth {
    /// Checks the steps of a tokenizer.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Tokenizer`] if there are too many, or if they can make a text too long.
    pub(super) fn of(tokenizer: &Tokenizer) -> Result<Self, CheckpointError> {
        let mut growth = Self {
            most: 1.0,
            of_patterns: 1.0,
        };
        let mut steps = 0;
        if let Some(normalizer) = tokenizer.get_normalizer() {
            growth.add(&written(normalizer)?, &mut steps)?;
        }
        if growth.most > MAX_NORMALIZED {
            return Err(refused(format!(
                "its normalizer can make a text {:.0} times as long; the limit is {MAX_NORMALIZED} times",
                growth.most
            )));
        }
        let (mut factor, mut steps) = (1.0, 0);
        if let Some(pre_tokenizer) = tokenizer.get_pre_tokenizer() {
            add_pre_tokenizer(&written(pre_tokenizer)?, &mut factor, &mut steps)?;
        }
        if factor > MAX_PRE_TOKENIZED {
            return Err(refused(format!(
                "its pre-tokenizer can make a text {factor:.0} times as long; the limit is {MAX_PRE_TOKENIZED} times"
            )));
        }
        if let Some(processor) = tokenizer.get_post_processor() {
            check_template(&written(processor)?, &mut 0)?;
        }
        Ok(growth)
    }

    /// Adds the steps of a normalizer.
    fn add(&mut self, step: &Value, steps: &mut usize) -> Result<(), CheckpointError> {
        let kind = step["type"].as_str().unwrap_or_default();
        if kind == "Sequence" {
            for inner in step["normalizers"].as_array().into_iter().flatten() {
                self.add(inner, steps)?;
            }
            return Ok(());
        }
        count(steps, "normalizer")?;
        let factor = match kind {
            "NFC" | "Nmt" | "Strip" | "StripAccents" => 1.0,
            "Lowercase" | "ByteLevel" => 2.0,
            "NFD" => 3.0,
            // U+FDFA has 3 bytes and becomes 33 bytes.
            "NFKC" | "NFKD" => 11.0,
            "BertNormalizer" => 8.0,
            "Prepend" => 1.0 + length(&step["prepend"])? as f64,
            "Precompiled" => longest(&step["precompiled_charsmap"]) as f64,
            "Replace" => {
                let inserted = length(&step["content"])?;
                match (&step["pattern"]["String"], &step["pattern"]["Regex"]) {
                    (Value::String(pattern), _) if !pattern.is_empty() => {
                        length(&step["pattern"]["String"])?;
                        (inserted as f64 / pattern.len() as f64).max(1.0)
                    }
                    (_, pattern) => {
                        let factor = of_pattern(pattern.as_str().unwrap_or_default(), inserted);
                        self.of_patterns *= factor;
                        factor
                    }
                }
            }
            _ => MAX_INSERTED_BYTES as f64,
        };
        self.most *= factor.max(1.0);
        Ok(())
    }

    /// Checks that texts are not too long together after their normalization.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Limit`] if they may be.
    pub(super) fn check(
        &self,
        texts: &[&str],
        tokenizer: &Tokenizer,
    ) -> Result<(), CheckpointError> {
        let given: usize = texts.iter().map(|text| text.len()).sum();
        let Some(normalizer) = tokenizer.get_normalizer() else {
            return Ok(());
        };
        if given as f64 * self.most <= MAX_NORMALIZED_BYTES {
            return Ok(());
        }
        let mut bytes = 0;
        for piece in texts.iter().flat_map(|text| pieces(text)) {
            let mut normalized = NormalizedString::from(piece);
            normalizer.normalize(&mut normalized).map_err(|error| {
                CheckpointError::Tokenizer(format!("could not normalize a text: {error}"))
            })?;
            bytes += normalized.get().len();
            if bytes as f64 * self.of_patterns > MAX_NORMALIZED_BYTES {
                return Err(CheckpointError::Limit(format!(
                    "a text of {given} bytes has more than {MAX_NORMALIZED_BYTES} bytes after the normalizer of the tokenizer, which is \
                     the limit; shorten it"
                )));
            }
        }
        Ok(())
    }
}

/// Divides a text into pieces of about [`PIECE_BYTES`].
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, others) = rest.split_at(rest.ceil_char_boundary(PIECE_BYTES));
        rest = others;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Adds the steps of a pre-tokenizer.
fn add_pre_tokenizer(
    step: &Value,
    factor: &mut f64,
    steps: &mut usize,
) -> Result<(), CheckpointError> {
    match step["type"].as_str().unwrap_or_default() {
        "Sequence" => {
            for inner in step["pretokenizers"].as_array().into_iter().flatten() {
                add_pre_tokenizer(inner, factor, steps)?;
            }
            return Ok(());
        }
        // A byte becomes a character of at most 2 bytes.
        "ByteLevel" => *factor *= 2.0,
        // Each word gets one more character, which has 3 bytes in most tokenizers.
        "Metaspace" => *factor *= 4.0,
        _ => {}
    }
    count(steps, "pre-tokenizer")
}

/// Checks that a template contains each text once. The texts are truncated before it.
fn check_template(processor: &Value, steps: &mut usize) -> Result<(), CheckpointError> {
    count(steps, "post-processor")?;
    for inner in processor["processors"].as_array().into_iter().flatten() {
        check_template(inner, steps)?;
    }
    for template in ["single", "pair"] {
        let pieces = processor[template].as_array();
        let texts = pieces.into_iter().flatten();
        let mut texts: Vec<&str> = texts
            .filter_map(|piece| piece["Sequence"]["id"].as_str())
            .collect();
        let all = texts.len();
        texts.sort_unstable();
        texts.dedup();
        if texts.len() != all {
            return Err(refused(
                "its template (post_processor) contains a text twice".to_owned(),
            ));
        }
    }
    Ok(())
}

fn count(steps: &mut usize, of: &str) -> Result<(), CheckpointError> {
    *steps += 1;
    match *steps > MAX_STEPS {
        true => Err(refused(format!(
            "its {of} has more than {MAX_STEPS} steps, which is the limit"
        ))),
        false => Ok(()),
    }
}

/// Returns the length of a text of a step, in bytes.
fn length(text: &Value) -> Result<usize, CheckpointError> {
    let length = text.as_str().unwrap_or_default().len();
    match length > MAX_INSERTED_BYTES {
        true => Err(refused(format!(
            "a step of its normalizer has a text of {length} bytes; the limit is {MAX_INSERTED_BYTES}"
        ))),
        false => Ok(length),
    }
}

/// Returns the factor of a regular expression that is replaced by a text of this size.
fn of_pattern(pattern: &str, inserted: usize) -> f64 {
    // Without these, a match has at least one character.
    let may_be_empty = [
        "*", "?", "|", "^", "$", "{0", "{,", "\\b", "\\B", "\\A", "\\Z", "\\z", "\\G", "\\K",
    ];
    let is_empty = pattern.is_empty() || may_be_empty.iter().any(|part| pattern.contains(part));
    match is_empty {
        true => 1.0 + inserted as f64,
        false => (inserted as f64).max(1.0),
    }
}

/// Returns the length of the longest text that a map of SentencePiece inserts for a character, in bytes. The map consists
/// of the size of a trie, the trie, and the texts, each with a zero byte at its end.
fn longest(map: &Value) -> usize {
    let bytes = STANDARD.decode(map.as_str().unwrap_or_default());
    let bytes = bytes.unwrap_or_default();
    let trie = bytes
        .first_chunk()
        .map_or(0, |size| u32::from_le_bytes(*size));
    let texts = bytes.get((trie as usize).saturating_add(4)..);
    let texts = texts.unwrap_or_default().split(|byte| *byte == 0);
    texts.map(<[u8]>::len).max().unwrap_or(0)
}

/// Returns a step as it is written in `tokenizer.json`.
fn written(step: &impl Serialize) -> Result<Value, CheckpointError> {
    serde_json::to_value(step)
        .map_err(|error| refused(format!("a step of it cannot be written: {error}")))
}

/// Checks the indices of tokens in a `tokenizer.json`, the tokens that it adds to its vocabulary, and the longest word of its
/// model.
///
/// # Errors
/// Returns [`CheckpointError::Tokenizer`] if they are too large, too many or too long.
pub(super) fn check_document(document: &Map<String, Value>) -> Result<(), CheckpointError> {
    let added = document.get("added_tokens").and_then(Value::as_array);
    let added = || added.into_iter().flatten();
    check_added(added().map(|token| token["content"].as_str().unwrap_or_default()))?;
    let model = document.get("model").unwrap_or(&Value::Null);
    let vocabulary = model["vocab"].as_object().into_iter().flatten();
    let indices = vocabulary.map(|(_, index)| index);
    let mut indices = indices.chain(added().map(|token| &token["id"]));
    let far = indices.find_map(|index| index.as_u64().filter(|index| *index > MAX_INDEX));
    if let Some(index) = far {
        return Err(refused(format!(
            "a token has the index {index}; the limit is {MAX_INDEX}"
        )));
    }
    let longest = model["max_input_chars_per_word"].as_u64();
    match longest.filter(|longest| *longest > MAX_WORD_CHARS) {
        Some(longest) => Err(refused(format!(
            "its max_input_chars_per_word is {longest}; the limit is {MAX_WORD_CHARS}"
        ))),
        None => Ok(()),
    }
}

/// Checks the number and the size of added tokens.
///
/// # Errors
/// Returns [`CheckpointError::Tokenizer`] if they are too many or too long.
pub(super) fn check_added<'a>(
    contents: impl Iterator<Item = &'a str>,
) -> Result<(), CheckpointError> {
    let (mut tokens, mut bytes) = (0, 0);
    for content in contents {
        tokens += 1;
        bytes += content.len();
        if tokens > MAX_ADDED || bytes > MAX_ADDED_BYTES {
            return Err(refused(format!(
                "it adds too many tokens to its vocabulary; the limits are {MAX_ADDED} tokens and {MAX_ADDED_BYTES} bytes"
            )));
        }
    }
    Ok(())
}

fn refused(what: String) -> CheckpointError {
    CheckpointError::Tokenizer(format!("the tokenizer is not used: {what}"))
}
