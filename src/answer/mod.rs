//! What models answer, one file per task.
//!
//! A task defines how far two answers are apart, which directions of an answer matter, how true answers are read from
//! data, and which metrics compare a model with them. The pruning method sees only this interface. A new task is a file
//! and a line in [`TASKS`].

pub mod class;
pub mod labels;
pub mod metric;
pub mod number;
pub mod order;
pub mod softmax;
pub mod spans;
pub mod tokens;

use std::sync::Arc;

use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::data::truth::{ReadTruth, Truth};
use metric::{Metric, Records};

/// The supported tasks.
pub const TASKS: &[&Task] = &[&class::TASK, &number::TASK, &labels::TASK, &tokens::TASK];

/// A task, and how a configuration names it.
pub struct Task {
    /// Name of the task, as in the report.
    pub name: &'static str,
    /// End of the names of classes that have a head for the task, for example `ForSequenceClassification`.
    pub class: &'static str,
    /// Opens the task if the configuration describes it.
    open: Open,
}

/// Opens a task from the `problem_type` of a configuration, which is empty if it is missing, and the names of the
/// outputs.
type Open = fn(&str, &[String]) -> Option<Result<Arc<dyn Answer>, CheckpointError>>;

/// The answers of one example: the output channels at each position, row-major.
#[derive(Clone, Copy, Debug)]
pub struct Outputs<'a> {
    /// The numbers, `[positions, channels]`.
    pub values: &'a [f32],
    /// Number of positions.
    pub positions: usize,
}

/// Parameters of the quadratic form of a divergence.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Temperature of both distributions.
    pub temperature: f64,
    /// Seed of random directions.
    pub seed: u64,
}

impl<'a> Outputs<'a> {
    /// Returns the channels of each position.
    pub fn rows(&self) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        self.values
            .chunks_exact((self.values.len() / self.positions.max(1)).max(1))
    }
}

/// The answers of a task.
pub trait Answer: ReadTruth + Send + Sync {
    /// Returns the task.
    fn task(&self) -> &'static Task;

    /// Returns the divergence of an example's answers from those of the original model.
    fn divergence(&self, original: Outputs<'_>, changed: Outputs<'_>, temperature: f64) -> f64;

    /// Returns directions for the answers of one example, each `[positions, channels]`. Near the original answers, the
    /// divergence of a change `d` is [`scale`](Self::scale) times the sum of `<direction, d>^2`, or its expectation if
    /// the directions are random. `row` identifies the example, so that its random directions do not depend on its
    /// batch. All examples with equally many positions have equally many directions.
    fn directions(&self, at: Outputs<'_>, row: usize, form: Form) -> Vec<Vec<f32>>;

    /// Returns the factor of the squared derivatives along this number of directions.
    fn scale(&self, directions: usize, positions: usize) -> f64;

    /// Returns the fraction of equal predictions in two answers to one example, or `None` if answers are numbers.
    fn agreement(&self, left: Outputs<'_>, right: Outputs<'_>) -> Option<f64>;

    /// Returns what the metrics need of a model's answers to one example.
    fn record(&self, outputs: Outputs<'_>, truth: &Truth) -> Vec<f64>;

    /// Returns the metrics of two models on the same examples. The first one is the main metric.
    fn metrics(&self, truths: &[&Truth], records: Records<'_>) -> Vec<Metric>;

    /// Returns a possible reason for a low score of the original model, as a sentence. `None` if there is none.
    fn hint(&self, _truths: &[&Truth], _original: &[Vec<f64>]) -> Option<String> {
        None
    }

    /// Returns the pipeline of transformers that serves the task.
    fn pipeline(&self) -> &'static str;
}

impl std::fmt::Debug for dyn Answer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.task().name)
    }
}

/// Returns the task of a model. The class that wrote the checkpoint decides first, then `problem_type` and the number of
/// labels. A configuration without a class describes a sequence classification.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if the labels are malformed, and [`CheckpointError::UnsupportedModel`] if no
/// task fits.
pub fn of(config: &Config) -> Result<Arc<dyn Answer>, CheckpointError> {
    let class = config.class()?.unwrap_or("ForSequenceClassification");
    let (problem_type, labels) = (config.str_or("problem_type", "")?, config.labels()?);
    let tasks = || TASKS.iter().filter(|task| class.ends_with(task.class));
    if let Some(opened) = tasks().find_map(|task| (task.open)(problem_type, &labels)) {
        return opened;
    }
    let named = |tasks: Vec<&str>| tasks.join(", ");
    Err(CheckpointError::UnsupportedModel(
        match tasks().next().is_some() {
            true => format!(
                "config.json has problem_type \"{problem_type}\"; supported are {}",
                named(tasks().map(|task| task.name).collect())
            ),
            false => format!(
                "config.json has architectures [\"{class}\"], whose task is not supported; supported are classes that end in {}",
                named(TASKS.iter().map(|task| task.class).collect())
            ),
        },
    ))
}
