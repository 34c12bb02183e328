//! Reads the small tokenizer files of a folder: `tokenizer_config.json`, and in older folders
//! `special_tokens_map.json` and `added_tokens.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};
use tokenizers::{AddedToken, TruncationDirection};

use super::super::error::CheckpointError;
use super::super::json;
use super::super::limits::Limits;
use super::class;
use super::source::Source;
use super::token::{self, Token};

/// Names of the special tokens, in the order in which transformers adds them.
pub(super) const NAMED: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

/// Keys that do not affect ids. They control decoding, describe the library that wrote the file, or are used elsewhere.
const WITHOUT_EFFECT: &[&str] = &[
    "backend",
    "chat_template",
    "clean_text",
    "clean_up_tokenization_spaces",
    "do_basic_tokenize",
    "errors",
    "from_slow",
    "full_tokenizer_file",
    "init_inputs",
    "is_local",
    "legacy",
    "local_files_only",
    "max_length",
    "name_or_path",
    "never_split",
    "pad_to_multiple_of",
    "pad_token_type_id",
    "padding_side",
    "processor_class",
    "special_tokens_map_file",
    "stride",
    "tokenizer_file",
    "trim_offsets",
    "truncation_strategy",
    "use_fast",
    "vocab_file",
    "wordpieces_prefix",
];

/// The settings that affect the ids of a text.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// `tokenizer_class`.
    pub(super) class: Option<String>,
    /// `do_lower_case`. If it is missing, transformers converts texts to lower case.
    pub(super) lower_case: Option<bool>,
    pub(super) strip_accents: Option<bool>,
    /// `tokenize_chinese_chars`: whether each Chinese character is a word by itself.
    pub(super) chinese_chars: Option<bool>,
    pub(super) add_prefix_space: bool,
    /// `model_max_length`.
    pub(super) max_length: Option<usize>,
    /// `truncation_side`. If it is missing, the side of `tokenizer.json`.
    pub(super) truncation: Option<TruncationDirection>,
    /// `padding_side`. If it is missing, the side of `tokenizer.json`.
    pub(super) padding: Option<String>,
    pub(super) split_special_tokens: bool,
    /// `model_input_names`.
    pub(super) inputs: Option<Vec<String>>,
    /// Special tokens by name. A token that a file sets to null is `None`.
    pub(super) named: BTreeMap<String, Option<Token>>,
    /// `extra_special_tokens`, formerly `additional_special_tokens`.
    pub(super) extra: Vec<Token>,
    /// Tokens with other names, which only transformers 5 adds.
    pub(super) own: Vec<Token>,
    /// Added tokens by index, from `added_tokens_decoder` or `added_tokens.json`.
    pub(super) added: BTreeMap<u32, AddedToken>,
    /// Whether `tokenizer_config.json` contains an `added_tokens_decoder`. If so, the older files are ignored.
    pub(super) has_decoder: bool,
    /// Whether `tokenizer_config.json` names custom code for the tokenizer.
    pub(super) custom_code: bool,
    /// Keys that are not understood and may have an effect.
    pub(super) unknown: Vec<String>,
}

/// Names of the small files. The last two are used only if the first does not list the added tokens.
pub(super) const NAMES: [&str; 3] = [
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
];

impl Settings {
    /// Reads the small files that exist in the folder. `source` is the file with the vocabulary.
    ///
    /// # Errors
    /// Returns [`CheckpointError`] if a file cannot be read, or a key has a value of the wrong type.
    pub(super) fn read(
        folder: &Path,
        source: &Source,
        limits: &Limits,
    ) -> Result<Self, CheckpointError> {
        let mut settings = Self::default();
        settings.take_files(folder, limits)?;
        settings.take_sides(source);
        Ok(settings)
    }

    fn take_files(&mut self, folder: &Path, limits: &Limits) -> Result<(), CheckpointError> {
        let file = |name: &str| {
            json::optional_object(
                folder,
                name,
                (limits.config_bytes, limits.values),
                CheckpointError::Tokenizer,
            )
        };
        let [config, map, added] = NAMES;
        if let Some(config) = file(config)? {
            self.take_config(&config)?;
        }
        if self.class.is_none() {
            // The configuration of the model may name the class, and its type has one otherwise.
            let config = file("config.json")?.unwrap_or_default();
            let text = |key: &str| config.get(key).and_then(Value::as_str);
            let class = text("tokenizer_class").or_else(|| class::of_model(text("model_type")?));
            self.class = class.map(str::to_owned);
        }
        if self.has_decoder {
            return Ok(());
        }
        if let Some(map) = file(map)? {
            self.take_map(&map)?;
        }
        if let Some(added) = file(added)? {
            self.take_added(&added)?;
        }
        Ok(())
    }

    /// Takes the sides of truncation and padding from `tokenizer.json` if no other file specifies them.
    fn take_sides(&mut self, source: &Source) {
        if self.truncation.is_none() && source.is_left("truncation") {
            self.truncation = Some(TruncationDirection::Left);
        }
        if self.padding.is_none() && source.is_left("padding") {
            self.padding = Some(TruncationDirection::Left.as_ref().to_owned());
        }
    }

    fn take_config(&mut self, config: &Map<String, Value>) -> Result<(), CheckpointError> {
        for (key, value) in config {
            let at = Key { key, value };
            match key.as_str() {
                "tokenizer_class" => self.class = at.text()?,
                "do_lower_case" => self.lower_case = Some(at.not_null(at.flag()?)?),
                "strip_accents" => self.strip_accents = at.flag()?,
                "tokenize_chinese_chars" => self.chinese_chars = Some(at.not_null(at.flag()?)?),
                "add_prefix_space" => self.add_prefix_space = at.flag()?.unwrap_or(false),
                "model_max_length" => self.max_length = at.length()?.or(self.max_length),
                "max_len" => self.max_length = self.max_length.or(at.length()?),
                "truncation_side" => self.truncation = at.side()?,
                "padding_side" => self.padding = at.side()?.map(|side| side.as_ref().to_owned()),
                "split_special_tokens" => self.split_special_tokens = at.flag()?.unwrap_or(false),
                "model_input_names" => self.inputs = at.texts()?,
                "added_tokens_decoder" => {
                    self.has_decoder = true;
                    self.added = at.decoder()?;
                }
                "extra_special_tokens" | "additional_special_tokens" => self.take_extra(&at)?,
                "auto_map" => self.custom_code = !value.is_null(),
                key if NAMED.contains(&key) => {
                    self.named.insert(key.to_owned(), at.token()?);
                }
                key if key.ends_with("_token") && (value.is_string() || value.is_object()) => {
                    self.own.extend(at.token()?);
                }
                key if WITHOUT_EFFECT.contains(&key) => {}
                _ => self.unknown.push(key.clone()),
            }
        }
        Ok(())
    }

    /// Takes a list of extra tokens, or an object of extra tokens with names.
    fn take_extra(&mut self, at: &Key<'_>) -> Result<(), CheckpointError> {
        match at.value {
            Value::Null => {}
            // The old key is used only if the new one is missing or empty.
            Value::Array(tokens) => {
                let newer = at.key == "extra_special_tokens" && !tokens.is_empty();
                if newer || self.extra.is_empty() {
                    let tokens = tokens.iter().map(|value| at.token_of(value));
                    self.extra = tokens.collect::<Result<_, _>>()?;
                }
            }
            Value::Object(tokens) => {
                for value in tokens.values() {
                    self.extra.push(at.token_of(value)?);
                }
            }
            _ => return Err(at.wrong("a list of tokens")),
        }
        Ok(())
    }

    /// Takes the tokens of `special_tokens_map.json`, which overrides `tokenizer_config.json`.
    fn take_map(&mut self, map: &Map<String, Value>) -> Result<(), CheckpointError> {
        for (key, value) in map {
            let at = Key { key, value };
            match key.as_str() {
                "extra_special_tokens" | "additional_special_tokens" => self.take_extra(&at)?,
                key if NAMED.contains(&key) => {
                    let token = at.token()?.map(Token::into_special);
                    self.named.insert(key.to_owned(), token);
                }
                _ => self.own.extend(at.token()?.map(Token::into_special)),
            }
        }
        Ok(())
    }

    /// Takes the tokens of `added_tokens.json`, a map from token to index.
    fn take_added(&mut self, added: &Map<String, Value>) -> Result<(), CheckpointError> {
        let special: Vec<&str> = self
            .named
            .values()
            .flatten()
            .chain(&self.extra)
            .map(Token::content)
            .collect();
        for (content, value) in added {
            let at = Key {
                key: content,
                value,
            };
            let index = value.as_u64().and_then(|index| u32::try_from(index).ok());
            let index = index.ok_or_else(|| at.wrong("an index"))?;
            let token = AddedToken::from(content.clone(), special.contains(&content.as_str()));
            self.added.insert(index, token);
        }
        Ok(())
    }
}

/// A key of one of the files and its value.
struct Key<'a> {
    key: &'a str,
    value: &'a Value,
}

impl Key<'_> {
    fn wrong(&self, needed: &str) -> CheckpointError {
        CheckpointError::Tokenizer(format!(
            "the tokenizer files have {} = {}; it must be {needed}",
            self.key, self.value
        ))
    }

    /// Rejects a null, because transformers fails on a null in this key.
    fn not_null<T>(&self, value: Option<T>) -> Result<T, CheckpointError> {
        value.ok_or_else(|| self.wrong("true or false, because transformers does not accept null"))
    }

    fn optional<T>(
        &self,
        needed: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, CheckpointError> {
        match self.value {
            Value::Null => Ok(None),
            value => read(value).map(Some).ok_or_else(|| self.wrong(needed)),
        }
    }

    fn flag(&self) -> Result<Option<bool>, CheckpointError> {
        self.optional("true or false", Value::as_bool)
    }

    fn text(&self) -> Result<Option<String>, CheckpointError> {
        self.optional("a string", |value| value.as_str().map(str::to_owned))
    }

    fn texts(&self) -> Result<Option<Vec<String>>, CheckpointError> {
        self.optional("a list of strings", |value| {
            let texts = value.as_array()?.iter();
            texts.map(|text| text.as_str().map(str::to_owned)).collect()
        })
    }

    /// Parses a number of tokens. transformers writes 10^30 for "no limit".
    fn length(&self) -> Result<Option<usize>, CheckpointError> {
        self.optional("a number greater than 0", |value| {
            value
                .as_f64()
                .filter(|&length| length >= 1.0)
                .map(|length| length as usize)
        })
    }

    fn side(&self) -> Result<Option<TruncationDirection>, CheckpointError> {
        self.optional("\"left\" or \"right\"", |value| match value.as_str()? {
            "left" => Some(TruncationDirection::Left),
            "right" => Some(TruncationDirection::Right),
            _ => None,
        })
    }

    fn token(&self) -> Result<Option<Token>, CheckpointError> {
        self.optional("a token", token::read)
    }

    fn token_of(&self, value: &Value) -> Result<Token, CheckpointError> {
        token::read(value).ok_or_else(|| self.wrong("tokens"))
    }

    fn decoder(&self) -> Result<BTreeMap<u32, AddedToken>, CheckpointError> {
        let needed = "a map from index to token";
        let map = self.value.as_object().ok_or_else(|| self.wrong(needed))?;
        let tokens = map.iter().map(|(index, value)| {
            let index = index.parse().ok()?;
            Some((index, token::read_object(value)?))
        });
        tokens
            .collect::<Option<_>>()
            .ok_or_else(|| self.wrong(needed))
    }
}
