//! Inputs and the logits that the delivered model must return for them (`verify.json`), for checks with other
//! libraries.
//!
//! Rows of the data are written as ids only, because it may not be permitted to pass on their texts. The texts, the
//! pairs and the padded batch use fixed sentences of `optin`, with which the tokenizer, the segments and the padding
//! can be checked as well.

use candle_core::{Device, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::checkpoint::tokenizer::Tokenizer;
use crate::checkpoint::tokenizer::encoding::Encoding;
use crate::data::dataset::Dataset;
use crate::model::batch::{Batch, Input};
use crate::model::chain::Model;
use crate::model::extent::Extent;
use crate::model::hidden::Layout;
use crate::model::layer::Layer;
use crate::model::mask::Masks;
use crate::prune::failure::Failure;

/// Maximum number of rows of the data in the document.
const ROWS: usize = 8;

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

/// `verify.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Golden {
    /// Data type of the computation.
    pub dtype: String,
    /// Maximum difference of a logit, relative to `max(1, |logit|)`.
    pub tolerance: f64,
    /// The rows, each computed alone and without padding.
    pub rows: Vec<GoldenRow>,
    /// The rows with texts as one batch, padded on the right. `None` if the tokenizer has no padding token.
    #[serde(default)]
    pub padded: Option<PaddedBatch>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GoldenRow {
    /// The text. `None` for rows of the data.
    pub text: Option<String>,
    /// The second text of a pair.
    pub text_pair: Option<String>,
    /// Vocabulary indices, including special tokens.
    pub input_ids: Vec<u32>,
    /// Segment ids.
    pub token_type_ids: Vec<u32>,
    /// The model's logits.
    pub logits: Logits,
}

/// The logits of one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Logits {
    /// One list, if the head answers once per row.
    Row(Vec<f32>),
    /// One list per token, if the head answers for every token.
    Tokens(Vec<Vec<f32>>),
}

/// Rows padded to one length. Their logits are those of the single rows, because padding must not change them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaddedBatch {
    /// Vocabulary indices, `[rows, length]`.
    pub input_ids: Vec<Vec<u32>>,
    /// Segment ids, `[rows, length]`.
    pub token_type_ids: Vec<Vec<u32>>,
    /// 1 for a token and 0 for padding, `[rows, length]`.
    pub attention_mask: Vec<Vec<u32>>,
    /// The model's logits for each row, without those of padding.
    pub logits: Vec<Logits>,
}

/// Runs the pruned model on the first rows of the data, and on the fixed texts for which it has embeddings.
///
/// # Errors
/// Returns an error if the tokenizer or the graph fails.
pub fn golden(
    cut: &Model,
    tokenizer: &Tokenizer,
    data: &Dataset,
) -> std::result::Result<Golden, Failure> {
    let mut rows = Vec::new();
    for example in data.examples.iter().take(ROWS) {
        let encoding = Encoding {
            ids: example.ids.clone(),
            types: example.types.clone(),
        };
        rows.push(row(cut, (None, None), encoding)?);
    }
    let first_text = rows.len();
    for (text, pair) in TEXTS {
        let encoding = tokenizer.encode(text, *pair)?;
        if fits(cut, &encoding) {
            let texts = (Some((*text).to_owned()), pair.map(str::to_owned));
            rows.push(row(cut, texts, encoding)?);
        }
    }
    let padded = tokenizer
        .pad_id()
        .map(|pad| padded(&rows[first_text..], pad));
    Ok(Golden {
        dtype: "float32".to_owned(),
        tolerance: 1e-4,
        rows,
        padded,
    })
}

/// Whether the encoding is not empty and the model has embeddings for all of its tokens and segments.
fn fits(model: &Model, encoding: &Encoding) -> bool {
    let reads = model.reads;
    let below = |values: &[u32], bound: usize| values.iter().all(|&value| (value as usize) < bound);
    !encoding.ids.is_empty()
        && below(&encoding.ids, reads.vocabulary)
        && below(&encoding.types, reads.segments)
}

/// Whether the head answers for every position.
fn answers_every_token(model: &Model) -> bool {
    let two = Extent::of([(Layout::Sequence, 2)]);
    let after = model.extents(&two);
    let last = after.last().unwrap_or(&two);
    model.head.extent(last).longest() == last.longest()
}

fn row(
    cut: &Model,
    (text, text_pair): (Option<String>, Option<String>),
    encoding: Encoding,
) -> Result<GoldenRow> {
    let tensor = |values: &[u32]| Tensor::from_slice(values, (1, values.len()), &Device::Cpu);
    let batch = Batch {
        rows: vec![0],
        input: Input::Tokens {
            ids: tensor(&encoding.ids)?,
            types: tensor(&encoding.types)?,
        },
    };
    let full = Masks::full(&cut.groups);
    let answers = cut.forward(&batch, &full)?.stream.squeeze(0)?;
    let logits = match answers_every_token(cut) {
        true => Logits::Tokens(answers.to_vec2()?),
        false => Logits::Row(answers.flatten_all()?.to_vec1()?),
    };
    Ok(GoldenRow {
        text,
        text_pair,
        input_ids: encoding.ids,
        token_type_ids: encoding.types,
        logits,
    })
}

fn padded(rows: &[GoldenRow], pad: u32) -> PaddedBatch {
    let longest = rows
        .iter()
        .map(|row| row.input_ids.len())
        .max()
        .unwrap_or(0);
    let filled = |values: &[u32], filler: u32| {
        let mut values = values.to_vec();
        values.resize(longest, filler);
        values
    };
    PaddedBatch {
        input_ids: rows.iter().map(|row| filled(&row.input_ids, pad)).collect(),
        token_type_ids: rows
            .iter()
            .map(|row| filled(&row.token_type_ids, 0))
            .collect(),
        attention_mask: rows
            .iter()
            .map(|row| filled(&vec![1; row.input_ids.len()], 0))
            .collect(),
        logits: rows.iter().map(|row| row.logits.clone()).collect(),
    }
}
