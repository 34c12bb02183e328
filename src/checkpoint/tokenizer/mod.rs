//! The tokenizer of a checkpoint: encodes texts and lists of words as ids, like `AutoTokenizer` of transformers 5.
//!
//! It reads `tokenizer.json` or `vocab.txt`, and the small files beside it. It returns ids and segments without
//! padding, truncated to the model's length. transformers 4 may encode a text differently; [`Tokenizer::agrees_with_4`]
//! and [`Tokenizer::agrees_with_4_on_words`] check this. [`Tokenizer::notes`] lists settings that are not understood.

mod build;
mod class;
mod cut;
pub mod encoding;
mod growth;
mod settings;
mod source;
mod token;
mod versioned;
pub mod windows;
mod written;

use std::path::Path;

use self::class::{Class, Kind, Major};
use self::encoding::{Encoding, WordEncoding};
use self::settings::Settings;
use self::source::Source;
use self::versioned::VersionedTokenizer;
use super::error::CheckpointError;
use super::limits::Limits;
use super::plain_names::listed;

/// Names of the files that any kind of tokenizer can have.
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
    /// The tokenizer of transformers 5.
    five: VersionedTokenizer,
    /// The tokenizer of transformers 4.
    four: Four,
    /// Whether transformers 4 encodes lists of words with it.
    four_takes_words: bool,
    settings: Settings,
    class: Class,
    /// Maximum number of tokens of an encoding.
    max_length: usize,
    notes: Vec<String>,
}

/// The tokenizer that transformers 4 builds from the folder.
enum Four {
    /// The same tokenizer as in transformers 5.
    Same,
    /// Another tokenizer, which may produce other ids.
    Other(Box<VersionedTokenizer>),
    /// None, because transformers 4 cannot open the folder.
    Fails,
}

impl Tokenizer {
    /// Reads the tokenizer of a folder. Encodings are truncated to the smaller of the tokenizer's own maximum length
    /// and `positions` tokens. In a pair, the longer text is truncated first.
    ///
    /// # Errors
    /// Returns [`CheckpointError`] if a file is missing or cannot be read, or if only Python code implements the class.
    pub fn open(folder: &Path, positions: usize, limits: &Limits) -> Result<Self, CheckpointError> {
        let source = Source::read(folder, limits)?;
        let settings = Settings::read(folder, &source, limits)?;
        let class = Class::of(settings.class.as_deref())?;
        let max_length = settings.max_length.unwrap_or(positions).min(positions);
        let build =
            |major| VersionedTokenizer::build(&source, &settings, &class, major, max_length);
        let five = build(Major::Five)?;
        let four = match class.is_known_to(Major::Four).then(|| build(Major::Four)) {
            Some(Ok(four)) if four.is_same(&five) => Four::Same,
            Some(Ok(four)) => Four::Other(Box::new(four)),
            Some(Err(_)) | None => Four::Fails,
        };
        let notes = notes(&settings, &class, &four);
        Ok(Self {
            five,
            four,
            four_takes_words: settings.add_prefix_space || !class.requires_prefix_space_in_4(),
            settings,
            class,
            max_length,
            notes,
        })
    }

    /// Makes all segment ids 0, and leaves them out of the inputs that the written tokenizer names, for a model that reads no
    /// segments.
    #[must_use]
    pub fn without_segments(mut self) -> Self {
        self.five.segments = false;
        if let Four::Other(four) = &mut self.four {
            four.segments = false;
        }
        self
    }

    /// Encodes a text, or a pair of texts. An empty second text counts as missing, as in a `pipeline` of transformers.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Tokenizer`] if the text cannot be encoded.
    pub fn encode(&self, text: &str, pair: Option<&str>) -> Result<Encoding, CheckpointError> {
        self.five.encode(text, pair)
    }

    /// Encodes a list of words, as transformers does with `is_split_into_words=True`.
    ///
    /// A word without a token, for example an empty one, leaves no trace. If the truncation cuts a word, its remaining
    /// tokens are kept.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Tokenizer`] if the words cannot be encoded.
    pub fn encode_words(&self, words: &[&str]) -> Result<WordEncoding, CheckpointError> {
        self.five.encode_words(words)
    }

    /// Returns whether transformers 4 produces the same encoding. Returns true if transformers 4 cannot open the
    /// folder, because there is nothing to compare.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Tokenizer`] if the tokenizer of transformers 4 cannot encode the text.
    pub fn agrees_with_4(
        &self,
        text: &str,
        pair: Option<&str>,
        encoding: &Encoding,
    ) -> Result<bool, CheckpointError> {
        match &self.four {
            Four::Same | Four::Fails => Ok(true),
            Four::Other(four) => Ok(four.encode(text, pair)? == *encoding),
        }
    }

    /// Returns the encoding of transformers 4, or `None` if it cannot open the folder.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Tokenizer`] if the tokenizer of transformers 4 cannot encode the text.
    pub fn encode_as_4(
        &self,
        text: &str,
        pair: Option<&str>,
    ) -> Result<Option<Encoding>, CheckpointError> {
        match &self.four {
            Four::Same => self.five.encode(text, pair).map(Some),
            Four::Other(four) => four.encode(text, pair).map(Some),
            Four::Fails => Ok(None),
        }
    }

    /// Returns whether transformers 4 produces the same encoding of the words. Returns true if transformers 4 cannot
    /// encode words with this folder, because there is nothing to compare.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Tokenizer`] if the tokenizer of transformers 4 cannot encode the words.
    pub fn agrees_with_4_on_words(
        &self,
        words: &[&str],
        encoding: &WordEncoding,
    ) -> Result<bool, CheckpointError> {
        match &self.four {
            Four::Other(four) if self.four_takes_words => {
                Ok(four.encode_words(words)? == *encoding)
            }
            Four::Same | Four::Other(_) | Four::Fails => Ok(true),
        }
    }

    /// Returns the encoding of the words in transformers 4, or `None` if it cannot open the folder or requires
    /// `add_prefix_space` for words.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Tokenizer`] if the tokenizer of transformers 4 cannot encode the words.
    pub fn encode_words_as_4(
        &self,
        words: &[&str],
    ) -> Result<Option<WordEncoding>, CheckpointError> {
        match &self.four {
            Four::Same if self.four_takes_words => self.five.encode_words(words).map(Some),
            Four::Other(four) if self.four_takes_words => four.encode_words(words).map(Some),
            Four::Same | Four::Other(_) | Four::Fails => Ok(None),
        }
    }

    /// Returns a sentence for the user if words are encoded without the space that separates them in a text, and `None`
    /// otherwise.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Tokenizer`] if the tokenizer cannot encode a text.
    pub fn note_on_words(&self) -> Result<Option<String>, CheckpointError> {
        let words = self.encode_words(&["a", "b"])?.encoding;
        let separated = words == self.encode("a b", None)?;
        Ok((!separated).then(|| {
            "The tokenizer encodes words as if no spaces separated them, because its add_prefix_space is false. \
             The token classification examples of transformers set it to true."
                .to_owned()
        }))
    }

    /// Returns sentences for the user about how the folder was read.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns the index of the token that pads the rows of a batch, or `None` if there is none.
    #[must_use]
    pub fn pad_id(&self) -> Option<u32> {
        let named = self.settings.named.get("pad_token");
        let token = match named {
            Some(token) => token.as_ref()?.content(),
            None if self.class.kind == Kind::Bert => "[PAD]",
            None => return None,
        };
        self.five.inner.token_to_id(token)
    }

    /// Returns the token with this index, or `None` if there is none.
    #[must_use]
    pub fn token(&self, id: u32) -> Option<String> {
        self.five.inner.id_to_token(id)
    }

    /// Returns the largest index of a token plus one.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        let largest = self.five.inner.get_vocab(true).into_values().max();
        largest.map_or(0, |largest| largest as usize + 1)
    }

    /// Returns the name and content of the tokenizer files of a written checkpoint. The files name a stock class and no
    /// code. Both major versions of transformers build this tokenizer from them.
    ///
    /// # Errors
    /// Does not fail in practice, because a tokenizer that was read can be written.
    pub fn files(&self) -> Result<Vec<(&'static str, String)>, CheckpointError> {
        written::files(
            &self.five.inner,
            &self.settings,
            &self.class,
            self.max_length,
            self.five.segments,
        )
    }
}

fn notes(settings: &Settings, class: &Class, four: &Four) -> Vec<String> {
    let mut notes = Vec::new();
    let name = &class.name;
    match class.kind {
        Kind::Bert | Kind::Generic => {}
        Kind::Other => notes.push(format!(
            "Texts were split with tokenizer.json unchanged. transformers 5 rebuilds the class {name} by special rules, \
             which give the same ids for ordinary files."
        )),
        Kind::Unknown => notes.push(format!(
            "The tokenizer class {} is unknown. Texts were split with tokenizer.json unchanged, as in transformers 5.",
            listed([name.as_str()].into_iter())
        )),
    }
    if settings.custom_code {
        notes.push(
            "tokenizer_config.json names custom code (auto_map), which was not run.".to_owned(),
        );
    }
    if settings.padding.as_deref() == Some("left") {
        notes.push(
            "tokenizer_config.json pads on the left. Rows were measured without padding. BERT gives other results for a \
             batch that is padded on the left."
                .to_owned(),
        );
    }
    if !settings.unknown.is_empty() {
        notes.push(format!(
            "tokenizer_config.json has keys that are not understood: {}.",
            listed(settings.unknown.iter().map(String::as_str))
        ));
    }
    if matches!(four, Four::Fails) {
        notes.push(
            "transformers 4 cannot open the tokenizer of the original model, but it can open the tokenizer of the result."
                .to_owned(),
        );
    }
    notes
}

/// Returns the names of the files in a folder that affect its tokenizer.
#[must_use]
pub fn files_of(folder: &Path) -> Vec<&'static str> {
    let [document, vocabulary] = source::NAMES;
    let is_there = |name: &&str| folder.join(name).is_file();
    let source = [document, vocabulary].into_iter().find(is_there);
    let beside = settings::NAMES.into_iter().filter(is_there);
    source.into_iter().chain(beside).collect()
}

/// Returns whether a file with this name belongs to a tokenizer.
#[must_use]
pub fn is_file_of_one(name: &str) -> bool {
    FILES.contains(&name)
}
