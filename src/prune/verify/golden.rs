//! Inputs and the logits that the shipped model must give for them (`verify.json`), for whoever opens
//! it with another library.

use candle_core::Result;
use serde::{Deserialize, Serialize};

use crate::data::dataset::Dataset;
use crate::model::PrunableModel;
use crate::model::mask::Masks;

/// Rows that are written.
const ROWS: usize = 8;

/// `verify.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Golden {
    /// What the model computes in.
    pub dtype: String,
    /// Largest difference of a logit, relative to `max(1, |logit|)`.
    pub tolerance: f64,
    /// Each a row alone, without padding.
    pub rows: Vec<GoldenRow>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GoldenRow {
    /// The text; `None`, for the data may not be ours to pass on.
    pub text: Option<String>,
    /// The second text of a pair; `None` likewise.
    pub text_pair: Option<String>,
    /// Vocabulary indices, special tokens included.
    pub input_ids: Vec<u32>,
    /// Segments.
    pub token_type_ids: Vec<u32>,
    /// What the model answers.
    pub logits: Vec<f32>,
}

/// Runs the cut model on the first rows of the data.
///
/// # Errors
/// When the graph fails.
pub fn golden(cut: &dyn PrunableModel, data: &Dataset) -> Result<Golden> {
    let full = Masks::full(cut.groups());
    let rows = (0..data.examples.len().min(ROWS)).map(|row| {
        let example = &data.examples[row];
        let batches = data.batches_of(&[row], 1)?;
        let logits = cut
            .forward(&batches[0], &full)?
            .flatten_all()?
            .to_vec1::<f32>()?;
        Ok(GoldenRow {
            text: None,
            text_pair: None,
            input_ids: example.ids.clone(),
            token_type_ids: example.types.clone(),
            logits,
        })
    });
    Ok(Golden {
        dtype: "float32".to_owned(),
        tolerance: 1e-4,
        rows: rows.collect::<Result<_>>()?,
    })
}
