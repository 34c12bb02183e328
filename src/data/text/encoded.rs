//! Encoded rows, as the examples of a dataset.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use serde_json::{Map, Value, json};

use crate::checkpoint::tokenizer::Tokenizer;
use crate::checkpoint::tokenizer::encoding::Encoding;
use crate::data::error::DataError;
use crate::data::examples::{Examples, Origin};
use crate::data::passage::Passage;
use crate::data::truth::Truth;
use crate::model::batch::Input;
use crate::model::hidden::Layout;

/// Encoded rows and their true answers.
#[derive(Default)]
pub(super) struct Encoded {
    pub(super) rows: Vec<Encoding>,
    pub(super) answers: Vec<Option<Truth>>,
    pub(super) origins: Vec<Origin>,
    /// The texts of which the answers are parts, one for each row, or none.
    pub(super) passages: Vec<Passage>,
    /// SHA-256 over the tokens and true answers of all rows, hex.
    pub(super) sha256: String,
    /// Number of rows that transformers 4 encodes differently.
    pub(super) read_otherwise: usize,
}

/// Rows as token ids.
pub(super) struct TokenRows {
    pub(super) rows: Vec<Encoding>,
    pub(super) origins: Vec<Origin>,
    /// See [`Encoded::passages`].
    pub(super) passages: Vec<Passage>,
    pub(super) tokenizer: Arc<Tokenizer>,
    /// Whether the model reads segments.
    pub(super) has_segments: bool,
}

impl Examples for TokenRows {
    fn shape(&self, row: usize) -> (Layout, usize) {
        (Layout::Sequence, self.rows[row].ids.len())
    }

    fn load(&self, rows: &[usize]) -> Result<Input, DataError> {
        let length = rows.first().map_or(0, |&row| self.rows[row].ids.len());
        self.load_resized(rows, length)
    }

    fn load_resized(&self, rows: &[usize], positions: usize) -> Result<Input, DataError> {
        let encodings: Vec<&Encoding> = rows.iter().map(|&row| &self.rows[row]).collect();
        let input = input(&encodings, positions)?;
        if self.passages.is_empty() {
            return Ok(input);
        }
        let asked = rows.iter().flat_map(|&row| {
            let asked: Vec<u32> = self.passages[row].asked().collect();
            asked.into_iter().cycle().take(positions)
        });
        let shape = (rows.len(), positions);
        let asked = Tensor::from_vec(asked.collect::<Vec<u32>>(), shape, &Device::Cpu)?;
        Ok(input.asking(asked))
    }

    fn arguments(&self, row: usize) -> Result<Map<String, Value>, DataError> {
        Ok(named([None, None], &self.rows[row], self.has_segments))
    }

    fn origin(&self, row: usize) -> Origin {
        self.origins[row].clone()
    }

    fn passage(&self, row: usize) -> Option<&Passage> {
        self.passages.get(row)
    }

    fn positions(&self, row: usize) -> Vec<String> {
        let ids = self.rows[row].ids.iter();
        ids.map(|&id| self.tokenizer.token(id).unwrap_or_default())
            .collect()
    }
}

/// Returns rows as input of a model. Each row is repeated or cropped to this number of tokens.
pub(super) fn input(rows: &[&Encoding], length: usize) -> candle_core::Result<Input> {
    let stacked = |of: fn(&Encoding) -> &[u32]| {
        let values = rows.iter();
        let values = values.flat_map(|row| of(row).iter().copied().cycle().take(length));
        Tensor::from_vec(
            values.collect::<Vec<u32>>(),
            (rows.len(), length),
            &Device::Cpu,
        )
    };
    Ok(Input::Tokens {
        ids: stacked(|row| &row.ids)?,
        types: stacked(|row| &row.types)?,
        asked: None,
    })
}

/// Returns a row under the names of the arguments of `forward`, after its texts, which are null for rows of the data.
pub(super) fn named(
    [text, text_pair]: [Option<&str>; 2],
    encoding: &Encoding,
    has_segments: bool,
) -> Map<String, Value> {
    let arguments = [
        ("text", json!(text)),
        ("text_pair", json!(text_pair)),
        ("input_ids", json!(encoding.ids)),
        ("token_type_ids", json!(encoding.types)),
    ];
    arguments_of(arguments, has_segments)
}

/// Returns arguments of `forward` by their names, without the segments if the model reads none.
pub(super) fn arguments_of<const N: usize>(
    arguments: [(&str, Value); N],
    has_segments: bool,
) -> Map<String, Value> {
    let arguments = arguments.into_iter();
    let arguments = arguments.filter(|(name, _)| has_segments || *name != "token_type_ids");
    arguments
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
