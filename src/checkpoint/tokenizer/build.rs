//! Builds the tokenizer that one major version of transformers builds from the files of a folder.
//!
//! For `BertTokenizer`, transformers 5 uses only the vocabulary of `tokenizer.json`. The class itself defines the
//! normalizer, pre-tokenizer and template, with the flags of `tokenizer_config.json`. transformers 4 uses the whole
//! file and overrides three flags of its normalizer. The generic classes of both versions use the file unchanged.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Map, Value, json};
use tokenizers::{AddedToken, Tokenizer};

use super::super::error::CheckpointError;
use super::class::{Class, Kind, Major};
use super::growth;
use super::settings::{NAMED, Settings};
use super::source::Source;
use super::token::Token;

/// Default special tokens of `BertTokenizer`.
const DEFAULTS: [(&str, &str); 5] = [
    ("unk_token", "[UNK]"),
    ("sep_token", "[SEP]"),
    ("pad_token", "[PAD]"),
    ("cls_token", "[CLS]"),
    ("mask_token", "[MASK]"),
];

/// Builds the tokenizer, without truncation and padding.
///
/// # Errors
/// Returns [`CheckpointError::Tokenizer`] if the files do not define a tokenizer of this class.
pub(super) fn build(
    source: &Source,
    settings: &Settings,
    class: &Class,
    major: Major,
) -> Result<Tokenizer, CheckpointError> {
    let mut settings = settings.clone();
    if let Source::Document(document) = source {
        growth::check_document(document)?;
        take_tokens_of(document, &mut settings)?;
    }
    let built = class.kind == Kind::Bert
        && (major == Major::Five || matches!(source, Source::Vocabulary(_)));
    let mut tokenizer = match (built, source) {
        (true, _) => parse(&bert(source, &settings)?)?,
        (false, Source::Document(document)) => {
            let mut document = document.clone();
            document.insert("truncation".to_owned(), Value::Null);
            document.insert("padding".to_owned(), Value::Null);
            if major == Major::Four {
                override_four(&mut document, &settings, class)?;
            }
            parse(&document)?
        }
        (false, Source::Vocabulary(_)) => {
            return Err(CheckpointError::Tokenizer(format!(
                "the tokenizer class {} needs a tokenizer.json, but the folder has only a vocab.txt; \
                 save the fast tokenizer into it with save_pretrained()",
                class.name
            )));
        }
    };
    add_tokens(&mut tokenizer, &settings, class, major)?;
    tokenizer.set_encode_special_tokens(settings.split_special_tokens);
    if built {
        let template = bert_template(&tokenizer, &settings)?;
        tokenizer.with_post_processor(Some(template));
    }
    Ok(tokenizer)
}

/// Adds settings from `tokenizer.json`: its added tokens if `tokenizer_config.json` lists none, and the padding token
/// with which it was saved if no file names one.
fn take_tokens_of(
    document: &Map<String, Value>,
    settings: &mut Settings,
) -> Result<(), CheckpointError> {
    if !settings.has_decoder {
        for token in document
            .get("added_tokens")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let index = token["id"]
                .as_u64()
                .and_then(|index| u32::try_from(index).ok());
            let read = index.zip(super::token::read_object(token));
            let (index, token) = read.ok_or_else(|| {
                CheckpointError::Tokenizer(format!(
                    "tokenizer.json: the added token {token} must have an \"id\" and a \"content\""
                ))
            })?;
            settings.added.insert(index, token);
        }
    }
    if let Some(pad) = document
        .get("padding")
        .and_then(|padding| padding["pad_token"].as_str())
    {
        let pad = Some(Token::Text(pad.to_owned()));
        settings.named.entry("pad_token".to_owned()).or_insert(pad);
    }
    Ok(())
}

fn parse(document: &Map<String, Value>) -> Result<Tokenizer, CheckpointError> {
    let wrong = |error: &dyn Display| {
        CheckpointError::Tokenizer(format!("tokenizer.json cannot be read: {error}"))
    };
    let text = serde_json::to_vec(document).map_err(|error| wrong(&error))?;
    // The library panics on some files.
    let parsed = catch_unwind(AssertUnwindSafe(|| Tokenizer::from_bytes(text)));
    let parsed = parsed.map_err(|_| wrong(&"it contradicts itself"))?;
    parsed.map_err(|error| wrong(&error))
}

/// Returns the special token with this name: from the files, or else the default of `BertTokenizer`.
fn bert_token<'a>(settings: &'a Settings, name: &str) -> Result<&'a str, CheckpointError> {
    match settings.named.get(name) {
        Some(Some(token)) => Ok(token.content()),
        Some(None) => Err(CheckpointError::Tokenizer(format!(
            "the tokenizer files set {name} to null, but BERT requires this token; name a token of the vocabulary"
        ))),
        None => Ok(DEFAULTS
            .iter()
            .find_map(|(known, token)| (*known == name).then_some(*token))
            .unwrap_or_default()),
    }
}

/// Returns the `tokenizer.json` of a `BertTokenizer` as the class builds it, without its template.
fn bert(source: &Source, settings: &Settings) -> Result<Map<String, Value>, CheckpointError> {
    let vocabulary = match source {
        Source::Vocabulary(vocabulary) => Value::Object(vocabulary.clone()),
        Source::Document(document) => vocabulary_of(document)?,
    };
    let document = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": true,
            "handle_chinese_chars": settings.chinese_chars.unwrap_or(true),
            "strip_accents": settings.strip_accents,
            "lowercase": settings.lower_case.unwrap_or(true),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": null,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {
            "type": "WordPiece",
            "unk_token": bert_token(settings, "unk_token")?,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    });
    match document {
        Value::Object(document) => Ok(document),
        _ => Ok(Map::new()),
    }
}

/// Returns the vocabulary as a map from token to index. In a list, the index of a token is its position.
fn vocabulary_of(document: &Map<String, Value>) -> Result<Value, CheckpointError> {
    match document.get("model").map(|model| &model["vocab"]) {
        Some(vocabulary @ Value::Object(_)) => Ok(vocabulary.clone()),
        Some(Value::Array(pieces)) => {
            let pieces = pieces.iter().enumerate().map(|(index, piece)| {
                let token = piece.as_str().or_else(|| piece[0].as_str());
                (token.unwrap_or_default().to_owned(), json!(index))
            });
            Ok(Value::Object(pieces.collect()))
        }
        _ => Err(CheckpointError::Tokenizer(
            "tokenizer.json has no vocabulary (model.vocab)".to_owned(),
        )),
    }
}

/// Returns the template `[CLS] A [SEP]` for one text, and `[CLS] A [SEP] B [SEP]` for a pair. The second text and the
/// last `[SEP]` have segment 1.
fn bert_template(
    tokenizer: &Tokenizer,
    settings: &Settings,
) -> Result<tokenizers::PostProcessorWrapper, CheckpointError> {
    let (cls, sep) = (
        bert_token(settings, "cls_token")?,
        bert_token(settings, "sep_token")?,
    );
    let special =
        |token: &str, segment: usize| json!({"SpecialToken": {"id": token, "type_id": segment}});
    let sequence = |id: &str, segment: usize| json!({"Sequence": {"id": id, "type_id": segment}});
    let entry = |token: &str| {
        let index = tokenizer.token_to_id(token);
        json!({"id": token, "ids": [index], "tokens": [token]})
    };
    let template = json!({
        "type": "TemplateProcessing",
        "single": [special(cls, 0), sequence("A", 0), special(sep, 0)],
        "pair": [special(cls, 0), sequence("A", 0), special(sep, 0), sequence("B", 1), special(sep, 1)],
        "special_tokens": {cls: entry(cls), sep: entry(sep)},
    });
    serde_json::from_value(template).map_err(|error| {
        CheckpointError::Tokenizer(format!(
            "the special tokens {cls} and {sep} do not form a valid template: {error}"
        ))
    })
}

/// Makes the changes of transformers 4 to `tokenizer.json`. It sets `add_prefix_space`. For BERT classes it also sets
/// three flags of the normalizer, if one of them differs.
fn override_four(
    document: &mut Map<String, Value>,
    settings: &Settings,
    class: &Class,
) -> Result<(), CheckpointError> {
    // In an old file, other pre-tokenizers have the key too, but transformers changes only this one.
    if let Some(pre_tokenizer) = document.get_mut("pre_tokenizer")
        && pre_tokenizer["type"] == "ByteLevel"
    {
        pre_tokenizer["add_prefix_space"] = json!(settings.add_prefix_space);
    }
    if class.kind != Kind::Bert {
        return Ok(());
    }
    let Some(Value::Object(normalizer)) = document.get_mut("normalizer") else {
        return Err(CheckpointError::Tokenizer(
            "transformers 4 needs a normalizer in tokenizer.json".to_owned(),
        ));
    };
    let wanted = [
        ("lowercase", json!(settings.lower_case.unwrap_or(true))),
        ("strip_accents", json!(settings.strip_accents)),
        (
            "handle_chinese_chars",
            json!(settings.chinese_chars.unwrap_or(true)),
        ),
    ];
    if wanted
        .iter()
        .any(|(key, value)| normalizer.get(*key).is_some_and(|own| own != value))
    {
        normalizer.extend(wanted.map(|(key, value)| (key.to_owned(), value)));
    }
    Ok(())
}

/// Adds the tokens that the files name and the tokenizer does not have yet, in the same order as transformers.
fn add_tokens(
    tokenizer: &mut Tokenizer,
    settings: &Settings,
    class: &Class,
    major: Major,
) -> Result<(), CheckpointError> {
    growth::check_added(settings.added.values().map(|token| token.content.as_str()))?;
    let present = tokenizer.get_added_tokens_decoder();
    let named = named(settings, class, major);
    let mut tokens: Vec<AddedToken> = settings
        .added
        .values()
        .filter(|token| !present.values().any(|present| present == *token))
        .cloned()
        .collect();
    for token in &mut tokens {
        token.special |= named.iter().any(|named| named.content() == token.content);
    }
    let mut known: Vec<String> = present
        .values()
        .map(|token| token.content.clone())
        .collect();
    known.extend(tokens.iter().map(|token| token.content.clone()));
    let missing = named
        .into_iter()
        .filter(|token| !known.iter().any(|known| known == token.content()));
    tokens.extend(missing.map(Token::into_added));
    tokenizer.add_tokens(tokens).map_err(|error| {
        CheckpointError::Tokenizer(format!("could not add a special token: {error}"))
    })?;
    Ok(())
}

/// Returns the special tokens of a class, in the order of transformers.
fn named(settings: &Settings, class: &Class, major: Major) -> Vec<Token> {
    let by_name = NAMED
        .iter()
        .filter_map(|name| match settings.named.get(*name) {
            Some(token) => token.clone(),
            None if class.kind == Kind::Bert => DEFAULTS
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, token)| Token::Text((*token).to_owned())),
            None => None,
        });
    let own = settings.own.iter().filter(|_| major == Major::Five);
    by_name
        .chain(own.cloned())
        .chain(settings.extra.iter().cloned())
        .collect()
}
