//! `model.onnx` and `model.int8.onnx`: the pruned model as an ONNX graph, for runtimes without the modeling file.

use std::path::Path;

use candle_core::Result as CandleResult;
use serde_json::json;

use crate::answer::task::Task;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::image_processor::{FILE, Settings};
use crate::checkpoint::limits::Limits;
use crate::model::chain::Model;
use crate::onnx::graph::Graph;
use crate::onnx::write::{self, Description, MAX_EMBEDDED};
use crate::prune::failure::{Code, Failure};
use crate::prune::recipe::Output;

/// Name of the file. Constants of a model that is too large for one file are in a second one.
pub const NAME: &str = "model.onnx";

/// Name of the file whose weights have 8 bits.
pub const INT8_NAME: &str = "model.int8.onnx";

/// The smallest share of the bytes of the weights for which a file with weights of 8 bits is worth it.
const MIN_INT8_SHARE: f64 = 0.5;

/// Returns the name of the file of a format. `None` if the format is not ONNX.
#[must_use]
pub fn name(format: Output) -> Option<&'static str> {
    match format {
        Output::Safetensors => None,
        Output::Onnx => Some(NAME),
        Output::OnnxInt8 => Some(INT8_NAME),
    }
}

/// Checks that a model can be written in these formats.
///
/// # Errors
/// Returns [`Code::InvalidRecipe`] for weights of 8 bits of a model that mostly has convolutions, which stay f32.
pub fn check(model: &Model, task: &Task, formats: &[Output]) -> Result<(), Failure> {
    if !formats.contains(&Output::OnnxInt8) {
        return Ok(());
    }
    let share = graph(model, task, None)?.int8_share()?;
    if share >= MIN_INT8_SHARE {
        return Ok(());
    }
    Err(Failure::new(
        Code::InvalidRecipe,
        format!(
            "outputs has onnx-int8, but only {:.0} % of this model's weights would have 8 bits, because convolutions stay \
             in float32; leave it out",
            100.0 * share
        ),
    ))
}

/// Writes a model as an ONNX file in a format, and returns its graph. `folder` has the files beside its weights.
///
/// # Errors
/// Returns an error if the configuration is malformed, if the device is out of memory or if the file cannot be written.
pub fn write(
    model: &Model,
    task: &Task,
    config: &Config,
    folder: &Path,
    path: &Path,
    format: Output,
) -> Result<Graph, Failure> {
    let labels = match task.has_labels() {
        true => Some(config.labels()?),
        false => None,
    };
    let mut graph = graph(model, task, labels.as_ref().map(Vec::len))?;
    if format == Output::OnnxInt8 {
        graph = graph.int8()?;
    }
    let description = description(config, task, labels, folder)?;
    write::write(&graph, &description, path, MAX_EMBEDDED)?;
    Ok(graph)
}

fn graph(model: &Model, task: &Task, outputs: Option<usize>) -> CandleResult<Graph> {
    model.onnx(task.outputs, outputs)
}

/// Returns the properties that a client needs to call the graph and to read its answers.
fn description(
    config: &Config,
    task: &Task,
    labels: Option<Vec<String>>,
    folder: &Path,
) -> Result<Description, CheckpointError> {
    let mut properties = vec![("task".to_owned(), task.name.to_owned())];
    if let Some(labels) = labels {
        properties.push(("labels".to_owned(), json!(labels).to_string()));
    }
    if let Some(settings) = Settings::open(folder, &Limits::default())? {
        let name = FILE.trim_end_matches(".json");
        properties.push((name.to_owned(), json!(settings.written()).to_string()));
    }
    Ok(Description {
        name: config.class()?.unwrap_or("optin").to_owned(),
        properties,
    })
}
