//! The tokenizer of a checkpoint: texts to ids, as `AutoTokenizer` of transformers 5 reads the folder.
//!
//! In: `tokenizer.json` or `vocab.txt`, and the small files beside it. Out: ids and segments without padding, cut to
//! the model's length. Where transformers 4 reads the folder in another way, [`Tokenizer::agrees_with_4`] tells for
//! each text; what is not understood is listed in [`Tokenizer::notes`].

mod build;
mod class;
mod settings;
mod source;
mod token;
mod written;

use std::path::Path;

use tokenizers::{EncodeInput, TruncationParams};

use self::class::{Class, Kind, Major};
use self::settings::Settings;
use self::source::Source;
use super::error::CheckpointError;
use super::limits::Limits;

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
    five: Reading,
    /// As transformers 4 reads the folder, where that may differ.
    four: Four,
    settings: Settings,
    class: Class,
    longest: usize,
    notes: Vec<String>,
}

/// What transformers 4 makes of a folder.
enum Four {
    /// The same.
    Same,
    /// Something that may give other ids.
    Other(Box<Reading>),
    /// It does not open the folder.
    Fails,
}

/// A tokenizer as one major builds it.
struct Reading {
    inner: tokenizers::Tokenizer,
    /// Whether segments are given to the model; it takes zeros otherwise.
    segments: bool,
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
    /// Reads the tokenizer of a folder. Rows are cut to the tokenizer's own length or to `positions` tokens, whichever
    /// is less, the longer text of a pair first.
    ///
    /// # Errors
    /// When a file is missing or cannot be read, or the class is one that only Python code implements.
    pub fn open(folder: &Path, positions: usize, limits: &Limits) -> Result<Self, CheckpointError> {
        let source = Source::read(folder, limits)?;
        let settings = Settings::read(folder, &source, limits)?;
        let class = Class::of(settings.class.as_deref())?;
        let longest = settings.longest.unwrap_or(positions).min(positions);
        let read = |major| Reading::build(&source, &settings, &class, major, longest);
        let five = read(Major::Five)?;
        let four = match class.is_known_to(Major::Four).then(|| read(Major::Four)) {
            Some(Ok(four)) if four.is_same(&five) => Four::Same,
            Some(Ok(four)) => Four::Other(Box::new(four)),
            Some(Err(_)) | None => Four::Fails,
        };
        let notes = notes(&settings, &class, &four);
        Ok(Self {
            five,
            four,
            settings,
            class,
            longest,
            notes,
        })
    }

    /// Encodes a text, or a pair of texts. An empty second text is none, as in a `pipeline(..)`.
    ///
    /// # Errors
    /// When the tokenizer fails on it.
    pub fn encode(&self, text: &str, pair: Option<&str>) -> Result<Encoding, CheckpointError> {
        self.five.encode(text, pair)
    }

    /// Whether transformers 4 gives this encoding, too. True where it does not open the folder at all: there is nothing
    /// to compare.
    ///
    /// # Errors
    /// When its tokenizer fails on the text.
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

    /// The encoding that transformers 4 gives; `None` where it does not open the folder.
    ///
    /// # Errors
    /// When its tokenizer fails on the text.
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

    /// What a user should know of how the folder was read: sentences.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Index of the token that fills up rows of a batch, where there is one.
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

    /// One more than the largest index that it can give.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        let largest = self.five.inner.get_vocab(true).into_values().max();
        largest.map_or(0, |largest| largest as usize + 1)
    }

    /// Name and content of the tokenizer files of a written checkpoint. They name a stock class and no code, and both
    /// majors of transformers read this tokenizer from them.
    ///
    /// # Errors
    /// Never in practice: what was read can be written.
    pub fn files(&self) -> Result<Vec<(&'static str, String)>, CheckpointError> {
        written::files(
            &self.five.inner,
            &self.settings,
            &self.class,
            self.longest,
            self.five.segments,
        )
    }
}

impl Reading {
    fn build(
        source: &Source,
        settings: &Settings,
        class: &Class,
        major: Major,
        longest: usize,
    ) -> Result<Self, CheckpointError> {
        let mut inner = build::build(source, settings, class, major)?;
        let special = inner.get_post_processor().map_or(0, |processor| {
            tokenizers::PostProcessor::added_tokens(processor, true)
        });
        if longest <= special {
            return Err(CheckpointError::Tokenizer(format!(
                "the tokenizer's model_max_length is {longest}, which leaves no room for a text beside the {special} special tokens of a pair"
            )));
        }
        let truncation = TruncationParams {
            max_length: longest,
            direction: settings.truncation.unwrap_or_default(),
            ..TruncationParams::default()
        };
        inner.with_truncation(Some(truncation)).map_err(|error| {
            CheckpointError::Tokenizer(format!("texts cannot be cut to {longest} tokens: {error}"))
        })?;
        let segments = match &settings.inputs {
            Some(inputs) => inputs.iter().any(|input| input == "token_type_ids"),
            None => class.gives_segments(major),
        };
        Ok(Self { inner, segments })
    }

    /// Whether both give the same for every text, by what they are made of.
    fn is_same(&self, other: &Self) -> bool {
        let document = |reading: &Self| reading.inner.to_string(false).ok();
        self.segments == other.segments && document(self) == document(other)
    }

    fn encode(&self, text: &str, pair: Option<&str>) -> Result<Encoding, CheckpointError> {
        let input = match pair.filter(|pair| !pair.is_empty()) {
            Some(pair) => EncodeInput::Dual(text.into(), pair.into()),
            None => EncodeInput::Single(text.into()),
        };
        let encoding = self.inner.encode(input, true);
        let encoding = encoding.map_err(|error| {
            CheckpointError::Tokenizer(format!("a text cannot be encoded: {error}"))
        })?;
        let ids = encoding.get_ids().to_vec();
        let types = match self.segments {
            true => encoding.get_type_ids().to_vec(),
            false => vec![0; ids.len()],
        };
        Ok(Encoding { ids, types })
    }
}

fn notes(settings: &Settings, class: &Class, four: &Four) -> Vec<String> {
    let mut notes = Vec::new();
    let name = &class.name;
    match class.kind {
        Kind::Bert | Kind::Generic => {}
        Kind::Other => notes.push(format!(
            "Texts were split by tokenizer.json as it is. transformers 5 rebuilds the class {name} by rules of its own, \
             which give the same ids for ordinary files."
        )),
        Kind::Unknown => notes.push(format!(
            "The tokenizer class {name} is not known here. Texts were split by tokenizer.json as it is, as transformers 5 does."
        )),
    }
    if settings.custom_code {
        notes.push(
            "tokenizer_config.json names code of its own (auto_map), which was not run.".to_owned(),
        );
    }
    if settings.padding.as_deref() == Some("left") {
        notes.push(
            "tokenizer_config.json pads on the left. Rows were measured without padding; a BERT answers differently in a \
             batch that is padded on the left."
                .to_owned(),
        );
    }
    if !settings.unknown.is_empty() {
        notes.push(format!(
            "tokenizer_config.json has keys that are not understood: {}.",
            settings.unknown.join(", ")
        ));
    }
    if matches!(four, Four::Fails) {
        notes.push("transformers 4 does not open the tokenizer of the original; it opens the one of the result.".to_owned());
    }
    notes
}

/// The files of a folder that decide how its tokenizer reads.
#[must_use]
pub fn files_of(folder: &Path) -> Vec<&'static str> {
    let [document, vocabulary] = source::NAMES;
    let is_there = |name: &&str| folder.join(name).is_file();
    let source = [document, vocabulary].into_iter().find(is_there);
    let beside = settings::NAMES.into_iter().filter(is_there);
    source.into_iter().chain(beside).collect()
}

/// Whether a file of this name belongs to a tokenizer.
#[must_use]
pub fn is_file_of_one(name: &str) -> bool {
    FILES.contains(&name)
}
