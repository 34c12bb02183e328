//! `model.onnx`: the pruned model as an ONNX graph, for runtimes without the modeling file.

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

/// Name of the file. Constants of a model that is too large for one file are in a second one.
pub const NAME: &str = "model.onnx";

/// Writes a model as an ONNX file, and returns its graph. `folder` has the files beside its weights.
///
/// # Errors
/// Returns an error if the configuration is malformed, if the device is out of memory or if the file cannot be written.
pub fn write(
    model: &Model,
    task: &Task,
    config: &Config,
    folder: &Path,
    path: &Path,
) -> Result<Graph, Failure> {
    let labels = match task.has_labels() {
        true => Some(config.labels()?),
        false => None,
    };
    let outputs = labels.as_ref().map(Vec::len);
    let graph: CandleResult<Graph> = model.onnx(task.output, outputs);
    let graph = graph.map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
    let description = description(config, task, labels, folder)?;
    write::write(&graph, &description, path, MAX_EMBEDDED)?;
    Ok(graph)
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
