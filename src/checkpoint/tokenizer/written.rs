//! The tokenizer files of a written checkpoint. Both major versions of transformers, and this code, produce the same
//! ids with these files.

use serde_json::{Map, Value, json};
use tokenizers::{PreTokenizerWrapper, Tokenizer};

use super::super::error::CheckpointError;
use super::class::{Class, Kind};
use super::settings::Settings;
use super::token::Token;

/// Returns the name and content of each file.
///
/// # Errors
/// Does not fail in practice, because a tokenizer that was read can be written.
pub(super) fn files(
    tokenizer: &Tokenizer,
    settings: &Settings,
    class: &Class,
    max_length: usize,
    segments: bool,
) -> Result<Vec<(&'static str, String)>, CheckpointError> {
    let unwritable = |error: &dyn std::fmt::Display| {
        CheckpointError::Tokenizer(format!("could not write the tokenizer: {error}"))
    };
    let mut plain = tokenizer.clone();
    plain.with_padding(None);
    plain
        .with_truncation(None)
        .map_err(|error| unwritable(&error))?;
    let document = plain.to_string(true).map_err(|error| unwritable(&error))?;
    let config = Value::Object(config(tokenizer, settings, class, max_length, segments));
    let config = serde_json::to_string_pretty(&config).map_err(|error| unwritable(&error))?;
    Ok(vec![
        ("tokenizer.json", document + "\n"),
        ("tokenizer_config.json", config + "\n"),
    ])
}

/// Returns the content of `tokenizer_config.json`. It contains only known keys and names a stock class, not code.
fn config(
    tokenizer: &Tokenizer,
    settings: &Settings,
    class: &Class,
    max_length: usize,
    segments: bool,
) -> Map<String, Value> {
    let mut config = Map::new();
    let mut put = |key: &str, value: Value| {
        config.insert(key.to_owned(), value);
    };
    put("tokenizer_class", json!(class.stock_class()));
    put("model_max_length", json!(max_length));
    if class.kind == Kind::Bert {
        put("do_lower_case", json!(settings.lower_case.unwrap_or(true)));
        put("strip_accents", json!(settings.strip_accents));
        put(
            "tokenize_chinese_chars",
            json!(settings.chinese_chars.unwrap_or(true)),
        );
    }
    // transformers 4 changes the pre-tokenizer if the key differs.
    if let Some(PreTokenizerWrapper::ByteLevel(bytes)) = tokenizer.get_pre_tokenizer() {
        put("add_prefix_space", json!(bytes.add_prefix_space));
    }
    if let Some(truncation) = settings.truncation {
        put("truncation_side", json!(truncation.as_ref()));
    }
    if let Some(padding) = &settings.padding {
        put("padding_side", json!(padding));
    }
    if settings.split_special_tokens {
        put("split_special_tokens", json!(true));
    }
    let mut inputs = vec!["input_ids", "token_type_ids", "attention_mask"];
    inputs.retain(|input| segments || *input != "token_type_ids");
    put("model_input_names", json!(inputs));
    for (name, token) in &settings.named {
        if let Some(token) = token {
            put(name, json!(token.content()));
        }
    }
    if !settings.extra.is_empty() {
        let extra: Vec<&str> = settings.extra.iter().map(Token::content).collect();
        put("additional_special_tokens", json!(extra));
    }
    let mut added: Vec<_> = tokenizer.get_added_tokens_decoder().into_iter().collect();
    added.sort_unstable_by_key(|(index, _)| *index);
    let added: Map<String, Value> = added
        .into_iter()
        .map(|(index, token)| (index.to_string(), json!(token)))
        .collect();
    put("added_tokens_decoder", Value::Object(added));
    put("clean_up_tokenization_spaces", json!(false));
    config
}
