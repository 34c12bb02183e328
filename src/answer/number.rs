//! Regression: one number per example.

use std::sync::Arc;

use super::metric::{Metric, Records};
use super::task::{Answer, Description, Divergence, Example, Form, LOGITS, OF_ROWS, Outputs, Task};
use crate::checkpoint::error::CheckpointError;
use crate::data::error::DataError;
use crate::data::label::{self, LabelReading};
use crate::data::table::column::Column;
use crate::data::truth::{ReadTruth, Truth};
use crate::statistics::spearman;

/// The task.
pub const TASK: Task = Task {
    name: "regression",
    heads: OF_ROWS,
    outputs: LOGITS,
    open,
};

/// A number per example. The truth of an example is its number.
struct Number;

fn open(problem_type: &str, labels: &[String]) -> Option<Result<Arc<dyn Answer>, CheckpointError>> {
    match (problem_type, labels.len()) {
        ("regression" | "", 1) => Some(Ok(Arc::new(Number))),
        _ => None,
    }
}

impl ReadTruth for Number {
    fn read(
        &self,
        column: Column<'_>,
        _: Option<LabelReading>,
    ) -> Result<Vec<Option<Truth>>, DataError> {
        truths(column)
    }
}

/// Reads one number per row. A row without one has no truth.
pub(super) fn truths(column: Column<'_>) -> Result<Vec<Option<Truth>>, DataError> {
    let numbers = label::numbers(column)?.into_iter();
    Ok(numbers
        .map(|number| number.map(|number| Truth::Numbers(vec![number])))
        .collect())
}

impl Divergence for Number {
    /// Returns the squared difference.
    fn divergence(&self, original: Outputs<'_>, changed: Outputs<'_>, _: f64) -> f64 {
        (f64::from(original.values[0]) - f64::from(changed.values[0])).powi(2)
    }

    fn directions(&self, _: Outputs<'_>, _: usize, _: Form) -> Vec<Vec<f32>> {
        vec![vec![1.0]]
    }

    fn scale(&self, _: usize, _: usize) -> f64 {
        1.0
    }
}

impl Answer for Number {
    fn task(&self) -> &'static Task {
        &TASK
    }

    fn agreement(&self, _: Outputs<'_>, _: Outputs<'_>) -> Option<f64> {
        None
    }

    /// Returns the predicted number and the truth.
    fn record(&self, outputs: Outputs<'_>, truth: &Truth) -> Vec<f64> {
        vec![f64::from(outputs.values[0]), f64::from(truth.numbers()[0])]
    }

    fn describe(&self, example: &Example<'_>) -> Description {
        let number = |numbers: &[f32]| format!("{:.4}", numbers[0]);
        example.each(
            |outputs| number(outputs.values),
            |truth| number(truth.numbers()),
        )
    }

    fn metrics(&self, _: &[&Truth], records: Records<'_>) -> Vec<Metric> {
        vec![Metric::bootstrapped(
            "spearman",
            records,
            |records, rows| {
                let pick = |place: usize| -> Vec<f64> {
                    rows.iter().map(|&row| records[row][place]).collect()
                };
                spearman(&pick(0), &pick(1))
            },
        )]
    }
}
