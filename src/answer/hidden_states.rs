//! Encoders without a head: a vector at each position, which others build on.

use std::sync::Arc;

use super::metric::{Metric, Records};
use super::sampling::signs;
use super::task::{Answer, Description, Divergence, Example, Form, Head, Outputs, Task};
use crate::checkpoint::error::CheckpointError;
use crate::data::error::DataError;
use crate::data::label::LabelReading;
use crate::data::table::column::Column;
use crate::data::truth::{ReadTruth, Truth};
use crate::statistics::mean;

/// The task.
pub const TASK: Task = Task {
    name: "feature_extraction",
    heads: &[Head {
        input: "text",
        class: "Model",
        pipeline: "feature-extraction",
    }],
    outputs: &["last_hidden_state"],
    open,
};

/// Number of random directions. Each reaches all positions and channels.
const DIRECTIONS: usize = 16;

/// A vector at each position. Nothing is right or wrong about it.
struct States;

fn open(_: &str, _: &[String]) -> Option<Result<Arc<dyn Answer>, CheckpointError>> {
    Some(Ok(Arc::new(States)))
}

/// Returns the squared length of a vector. That of a vector of zeros is a small number.
fn squared(vector: &[f32]) -> f64 {
    let squares = vector.iter().map(|&value| f64::from(value).powi(2));
    squares.sum::<f64>().max(f64::MIN_POSITIVE)
}

/// Returns the mean over the positions of the cosine between two vectors.
fn cosine(left: Outputs<'_>, right: Outputs<'_>) -> f64 {
    let pairs = left.rows().zip(right.rows());
    let cosines = pairs.map(|(left, right)| {
        let product = left.iter().zip(right);
        let product: f64 = product.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        product / (squared(left) * squared(right)).sqrt()
    });
    mean(&cosines.collect::<Vec<f64>>())
}

impl ReadTruth for States {
    fn has_truth(&self) -> bool {
        false
    }

    fn read(
        &self,
        column: Column<'_>,
        _: Option<LabelReading>,
    ) -> Result<Vec<Option<Truth>>, DataError> {
        Err(DataError::Invalid(format!(
            "{}: the model has no head, so no column holds true answers",
            column.table.file
        )))
    }
}

impl Divergence for States {
    /// Returns half of the mean over the positions of the squared change, relative to the squared length of the original vector.
    /// For vectors of one length, this is 1 minus the cosine of the angle between them.
    fn divergence(&self, original: Outputs<'_>, changed: Outputs<'_>, _: f64) -> f64 {
        let positions = original.rows().zip(changed.rows());
        let changes = positions.map(|(original, changed)| {
            let change = original.iter().zip(changed);
            let change = change.map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
            change.sum::<f64>() / squared(original)
        });
        0.5 * mean(&changes.collect::<Vec<f64>>())
    }

    /// Returns sums of all channels with random signs, each relative to the length of the vector at its position.
    fn directions(&self, at: Outputs<'_>, row: usize, form: Form) -> Vec<Vec<f32>> {
        let lengths: Vec<f64> = at.rows().map(|vector| squared(vector).sqrt()).collect();
        let channels = at.values.len() / at.positions.max(1);
        let drawn = (0..DIRECTIONS).map(|index| {
            let mut sign = signs(row, index, form.seed);
            let of_position = lengths
                .iter()
                .flat_map(|length| vec![1.0 / length; channels]);
            of_position.map(|scale| (sign() * scale) as f32).collect()
        });
        drawn.collect()
    }

    fn scale(&self, _: usize, positions: usize) -> f64 {
        0.5 / (DIRECTIONS * positions) as f64
    }
}

impl Answer for States {
    fn task(&self) -> &'static Task {
        &TASK
    }

    fn agreement(&self, _: Outputs<'_>, _: Outputs<'_>) -> Option<f64> {
        None
    }

    fn record(&self, _: Outputs<'_>, _: &Truth) -> Vec<f64> {
        Vec::new()
    }

    /// Returns none, because no answer is known to be true.
    fn metrics(&self, _: &[&Truth], _: Records<'_>) -> Vec<Metric> {
        Vec::new()
    }

    /// Tells how similar the vectors are.
    fn describe(&self, example: &Example<'_>) -> Description {
        Description {
            before: format!("{} vectors", example.before.positions),
            after: format!(
                "mean cosine with the vectors of the original: {:.4}",
                cosine(example.before, example.after)
            ),
            truth: None,
        }
    }
}
