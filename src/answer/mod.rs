//! What models answer, one file per task.
//!
//! A task defines how far two answers are apart, which directions of an answer matter, how true answers are read from
//! data, and which metrics compare a model with them. The pruning method sees only this interface. A new task is a file
//! and a line in [`TASKS`].

mod bernoulli;
mod best_span;
pub mod bilinear;
pub mod class;
mod description;
pub mod diagonal;
pub mod hidden_states;
pub mod labels;
pub mod metric;
pub mod number;
pub mod numbers;
pub mod order;
mod overlap;
mod positions;
mod queries;
pub mod question_answering;
mod sampling;
pub mod segmentation;
mod semantic;
pub mod softmax;
pub mod spans;
pub mod squad;
pub mod task;
pub mod tokens;
pub mod vector;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use task::{Answer, Task};

/// The supported tasks.
pub const TASKS: &[&Task] = &[
    &class::TASK,
    &number::TASK,
    &numbers::TASK,
    &labels::TASK,
    &tokens::TASK,
    &question_answering::TASK,
    &segmentation::TASK,
    &vector::TASK,
    &hidden_states::TASK,
];

/// Returns the task of a model. The class that wrote the checkpoint decides first, then `problem_type` and the number of
/// labels. A configuration without a class describes a sequence classification.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if the labels are malformed, and [`CheckpointError::UnsupportedModel`] if no
/// task fits.
pub fn of(config: &Config) -> Result<Arc<dyn Answer>, CheckpointError> {
    let class = config.class()?.unwrap_or("ForSequenceClassification");
    let (problem_type, labels) = (config.str_or("problem_type", "")?, config.labels()?);
    let tasks = || TASKS.iter().filter(|task| task.is_of(class));
    if let Some(opened) = tasks().find_map(|task| (task.open)(problem_type, &labels)) {
        return opened;
    }
    let named = |tasks: Vec<&str>| tasks.join(", ");
    let heads = || {
        let heads = TASKS.iter().flat_map(|task| task.heads);
        let classes: BTreeSet<&str> = heads.map(|head| head.class).collect();
        classes.into_iter().collect()
    };
    Err(CheckpointError::UnsupportedModel(
        match tasks().next().is_some() {
            true => format!(
                "config.json has problem_type \"{problem_type}\"; supported are {}",
                named(tasks().map(|task| task.name).collect())
            ),
            false => format!(
                "config.json has architectures [\"{class}\"], whose task is not supported; supported are classes for {}",
                named(heads())
            ),
        },
    ))
}
