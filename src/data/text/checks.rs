//! Fixed texts, with which the tokenizer, the segments and the padding of a result can be checked.

use serde_json::{Map, Value, json};

use super::encoded::{arguments_of, input, named};
use crate::checkpoint::tokenizer::Tokenizer;
use crate::checkpoint::tokenizer::encoding::Encoding;
use crate::data::error::DataError;
use crate::data::reader::{Check, Checks};
use crate::model::batch::{Input, TextLimits};

/// Fixed texts and pairs with upper and lower case, accents, several scripts, a number, a special token and an empty
/// text.
const TEXTS: &[(&str, Option<&str>)] = &[
    ("The committee meets again on Thursday.", None),
    ("Not bad, not bad at all: CAFÉ naïve, 3.14 €!", None),
    ("你好, 世界. Привет! [MASK] don't stop", None),
    ("", None),
    ("Is the door open?", Some("Somebody has closed the door.")),
    (
        "A short one",
        Some(
            "and a second sentence that is longer than the first, so that segments differ in length",
        ),
    ),
];

/// Returns the fixed texts for which the model has embeddings.
pub(super) fn checks(tokenizer: &Tokenizer, limits: &TextLimits) -> Result<Checks, DataError> {
    let mut rows = Vec::new();
    let mut encodings = Vec::new();
    for (text, pair) in TEXTS {
        let encoding = tokenizer.encode(text, *pair)?;
        if fits(limits, &encoding) {
            rows.push(Check {
                named: named([Some(text), *pair], &encoding, limits.segments > 0),
                input: input(&[&encoding], encoding.ids.len())?,
            });
            encodings.push(encoding);
        }
    }
    Ok(Checks {
        rows,
        batch: tokenizer
            .pad_id()
            .map(|pad| padded(&encodings, pad, limits.segments > 0)),
    })
}

/// Returns the input that ids of tokens and of segments describe.
///
/// # Errors
/// Returns [`DataError`] if they are missing, or if the model has no embedding for one of them.
pub(super) fn input_of(
    named: &Map<String, Value>,
    limits: &TextLimits,
) -> Result<Input, DataError> {
    let ids = |name: &str| -> Result<Vec<u32>, DataError> {
        let value = named.get(name).cloned().unwrap_or_default();
        serde_json::from_value(value)
            .map_err(|_| DataError::Invalid(format!("{name} is not a list of whole numbers")))
    };
    let tokens = ids("input_ids")?;
    let types = match limits.segments {
        0 => vec![0; tokens.len()],
        _ => ids("token_type_ids")?,
    };
    let encoding = Encoding { ids: tokens, types };
    if !fits(limits, &encoding) || encoding.ids.len() != encoding.types.len() {
        return Err(DataError::Invalid(
            "input_ids and token_type_ids do not fit the model".to_owned(),
        ));
    }
    Ok(input(&[&encoding], encoding.ids.len())?)
}

/// Whether the encoding is not empty and the model has embeddings for all of its tokens and segments.
fn fits(limits: &TextLimits, encoding: &Encoding) -> bool {
    let below = |values: &[u32], bound: usize| values.iter().all(|&value| (value as usize) < bound);
    !encoding.ids.is_empty()
        && below(&encoding.ids, limits.vocabulary)
        && below(&encoding.types, limits.segments.max(1))
}

/// Returns the rows as one batch, padded on the right.
fn padded(rows: &[Encoding], pad: u32, has_segments: bool) -> Map<String, Value> {
    let longest = rows.iter().map(|row| row.ids.len()).max().unwrap_or(0);
    let filled = |of: fn(&Encoding) -> Vec<u32>, filler: u32| -> Value {
        let rows = rows.iter().map(|row| {
            let mut values = of(row);
            values.resize(longest, filler);
            values
        });
        json!(rows.collect::<Vec<_>>())
    };
    let arguments = [
        ("input_ids", filled(|row| row.ids.clone(), pad)),
        ("token_type_ids", filled(|row| row.types.clone(), 0)),
        ("attention_mask", filled(|row| vec![1; row.ids.len()], 0)),
    ];
    arguments_of(arguments, has_segments)
}
