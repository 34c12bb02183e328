//! The architectures that we know, by the `model_type` of their `config.json`.

use super::bert::{self, Bert};
use super::chain::PrunableModel;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// An architecture: which checkpoints it reads and how it is opened.
pub struct Architecture {
    /// Its name.
    pub name: &'static str,
    /// Values of `model_type` that it reads.
    pub model_types: &'static [&'static str],
    /// Values of `architectures`, the class that wrote the checkpoint, that it reads.
    pub classes: &'static [&'static str],
    names: Names,
    open: Open,
}

/// Gives tensors their names of today.
type Names = fn(Weights) -> Result<Weights, CheckpointError>;

/// Builds a graph from its configuration and weights.
type Open = fn(&Config, &Weights) -> Result<Box<dyn PrunableModel>, CheckpointError>;

/// A checkpoint as a graph.
pub struct Opened {
    /// The architecture's name.
    pub architecture: &'static str,
    /// The graph.
    pub model: Box<dyn PrunableModel>,
    /// The tensors that the graph reads, under their names of today.
    pub weights: Weights,
    /// Names of the tensors that it does not read.
    pub unused: Vec<String>,
}

/// Every architecture.
pub const ARCHITECTURES: &[Architecture] = &[Architecture {
    name: "bert",
    model_types: &["bert", "optin_bert"],
    classes: &[
        "BertForSequenceClassification",
        "OptinBertForSequenceClassification",
    ],
    names: bert::todays_names,
    open: |config, weights| Ok(Box::new(Bert::open(config, weights)?)),
}];

/// Opens the graph that the configuration names.
///
/// # Errors
/// When its `model_type` or the class that wrote it is not supported, or the weights do not fit the configuration.
pub fn open(config: &Config, weights: Weights) -> Result<Opened, CheckpointError> {
    let architecture = find(config)?;
    let weights = (architecture.names)(weights)?;
    let model = (architecture.open)(config, &weights)?;
    let unused = weights.unread();
    Ok(Opened {
        architecture: architecture.name,
        model,
        weights: weights.without_unread(),
        unused,
    })
}

/// The architecture of a configuration. A class that is not ours has another head on the same body: its weights may
/// fit by accident, and the answers would be another task's.
fn find(config: &Config) -> Result<&'static Architecture, CheckpointError> {
    let model_type = config.model_type()?;
    let known = ARCHITECTURES
        .iter()
        .find(|architecture| architecture.model_types.contains(&model_type));
    let Some(architecture) = known else {
        let names: Vec<_> = ARCHITECTURES
            .iter()
            .flat_map(|architecture| architecture.model_types)
            .copied()
            .collect();
        return Err(CheckpointError::UnsupportedModel(format!(
            "config.json has model_type \"{model_type}\", which is not supported; supported are {}",
            names.join(", ")
        )));
    };
    match config.class()? {
        Some(class) if !architecture.classes.contains(&class) => {
            Err(CheckpointError::UnsupportedModel(format!(
                "config.json has architectures [\"{class}\"], which is not supported; supported are {}",
                architecture.classes.join(", ")
            )))
        }
        _ => Ok(architecture),
    }
}
