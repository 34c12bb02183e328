//! Inputs and the answers that the delivered model must give to them (`verify.json`), for checks with other libraries.
//!
//! Rows of the data are written only as the model reads them, because it may not be permitted to pass on their sources.
//! Images of the data are not written at all. The other rows are fixed inputs of `optin`, with which the tokenizer or
//! image processor can be checked as well. A fixed image is a formula for its samples.

use candle_core::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::data::dataset::Dataset;
use crate::data::error::DataError;
use crate::data::reader::{Check, Reader};
use crate::model::batch::{Batch, Input};
use crate::model::chain::Model;
use crate::model::extent::Extent;
use crate::model::layer::Layer;
use crate::model::mask::Masks;
use crate::prune::failure::Failure;

/// Name of the document.
pub const NAME: &str = "verify.json";

/// Maximum number of rows of the data in the document.
const ROWS: usize = 8;

/// Maximum number of numbers in the answers to rows of the data. The first row is written if it has more.
const NUMBERS: usize = 1 << 20;

/// `verify.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Golden {
    /// Data type of the computation.
    pub dtype: String,
    /// Maximum difference of a number in an answer, relative to `max(1, |number|)`.
    pub tolerance: f64,
    /// The rows, each computed alone and without padding.
    pub rows: Vec<GoldenRow>,
    /// The fixed inputs as one batch. Padding must not change the answers. `None` if they cannot be joined.
    #[serde(default)]
    pub padded: Option<PaddedBatch>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GoldenRow {
    /// The source of a fixed input, and the arguments of `forward` in transformers.
    #[serde(flatten)]
    pub inputs: Map<String, Value>,
    /// The answer of the model.
    #[serde(rename = "logits")]
    pub answer: Numbers,
}

/// Fixed inputs as one batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaddedBatch {
    /// The arguments of `forward` in transformers.
    #[serde(flatten)]
    pub inputs: Map<String, Value>,
    /// The answer of the model to each row, without those to padding.
    #[serde(rename = "logits")]
    pub answers: Vec<Numbers>,
}

/// The answer to one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Numbers {
    /// One list, if the head answers once per row.
    Row(Vec<f32>),
    /// One list per position, if the head answers at every position.
    Positions(Vec<Vec<f32>>),
}

impl Golden {
    /// Returns the largest difference of a model's answers from those of the rows, relative to `max(1, |number|)`.
    ///
    /// # Errors
    /// Returns an error if the reader cannot make the input of a row or if the graph fails.
    pub fn difference(
        &self,
        model: &Model,
        reader: &dyn Reader,
    ) -> std::result::Result<f64, Failure> {
        self.compared(|row| Ok(answer(model, reader.input_of(&row.inputs)?)?))
    }

    /// Returns the largest difference of the answers that `answer` gives to the rows, relative to `max(1, |number|)`.
    ///
    /// # Errors
    /// Returns the error of `answer`.
    pub(super) fn compared(
        &self,
        mut answer: impl FnMut(&GoldenRow) -> std::result::Result<Numbers, Failure>,
    ) -> std::result::Result<f64, Failure> {
        let mut worst = 0.0f64;
        for row in &self.rows {
            worst = worst.max(row.answer.difference(&answer(row)?));
        }
        Ok(worst)
    }
}

impl Numbers {
    /// Returns how many numbers there are.
    fn count(&self) -> usize {
        match self {
            Self::Row(numbers) => numbers.len(),
            Self::Positions(positions) => positions.iter().map(Vec::len).sum(),
        }
    }

    /// Returns the largest difference of another answer, relative to `max(1, |number|)`. It is infinite if the other one has
    /// another shape or a number that is NaN.
    fn difference(&self, other: &Self) -> f64 {
        let of_rows = |left: &[f32], right: &[f32]| {
            if left.len() != right.len() {
                return f64::INFINITY;
            }
            let pairs = left.iter().zip(right);
            let each = pairs.map(|(left, right)| (left - right).abs() / left.abs().max(1.0));
            each.fold(0.0, |worst, one| match one.is_nan() {
                true => f64::INFINITY,
                false => worst.max(f64::from(one)),
            })
        };
        match (self, other) {
            (Self::Row(left), Self::Row(right)) => of_rows(left, right),
            (Self::Positions(left), Self::Positions(right)) if left.len() == right.len() => {
                let pairs = left.iter().zip(right);
                pairs
                    .map(|(left, right)| of_rows(left, right))
                    .fold(0.0, f64::max)
            }
            _ => f64::INFINITY,
        }
    }
}

/// Runs the pruned model on the first rows of the data, if a result may show them, and on the fixed inputs.
///
/// # Errors
/// Returns an error if a row cannot be read or the graph fails.
pub fn golden(
    cut: &Model,
    reader: &dyn Reader,
    data: &Dataset,
) -> std::result::Result<Golden, Failure> {
    let shown = if reader.shows_rows() { ROWS } else { 0 };
    let of_data = (0..data.len().min(shown)).map(|row| {
        Ok(Check {
            named: data.examples.arguments(row)?,
            input: data.examples.load(&[row])?,
        })
    });
    let of_data: Vec<Check> = of_data.collect::<std::result::Result<_, DataError>>()?;
    let answered = |row: Check| -> Result<GoldenRow> {
        Ok(GoldenRow {
            answer: answer(cut, row.input)?,
            inputs: row.named,
        })
    };
    let (mut rows, mut numbers): (Vec<GoldenRow>, usize) = (Vec::new(), 0);
    for row in of_data {
        let row = answered(row)?;
        numbers += row.answer.count();
        if numbers > NUMBERS && !rows.is_empty() {
            break;
        }
        rows.push(row);
    }
    let checks = reader.checks()?;
    let first_check = rows.len();
    for row in checks.rows {
        rows.push(answered(row)?);
    }
    let answers = rows[first_check..].iter().map(|row| row.answer.clone());
    let padded = checks.batch.map(|inputs| PaddedBatch {
        inputs,
        answers: answers.collect(),
    });
    Ok(Golden {
        dtype: "float32".to_owned(),
        tolerance: 1e-4,
        rows,
        padded,
    })
}

fn answer(cut: &Model, input: Input) -> Result<Numbers> {
    let batch = Batch {
        rows: vec![0],
        input,
    };
    let full = Masks::full(&cut.groups);
    let answer = cut.forward(&batch, &full)?.stream.squeeze(0)?;
    Ok(match answers_everywhere(cut) {
        true => Numbers::Positions(answer.to_vec2()?),
        false => Numbers::Row(answer.flatten_all()?.to_vec1()?),
    })
}

/// Whether the model answers at every position of its input.
fn answers_everywhere(model: &Model) -> bool {
    // A row with one position would not tell.
    let largest = Extent::of([model.reads.largest()]);
    let after = model.extents(&largest);
    let last = after.last().unwrap_or(&largest);
    model.head.extent(last).longest() == largest.longest()
}
