//! The architectures that we know, by the `model_type` of their `config.json`.

use super::bert::Bert;
use super::chain::PrunableModel;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// An architecture: the `model_type`s that it reads and how it is opened.
pub struct Architecture {
    /// Its name.
    pub name: &'static str,
    /// Values of `model_type` that it reads.
    pub model_types: &'static [&'static str],
    open: Open,
}

type Open = fn(&Config, &Weights) -> Result<Box<dyn PrunableModel>, CheckpointError>;

/// Every architecture.
pub const ARCHITECTURES: &[Architecture] = &[Architecture {
    name: "bert",
    model_types: &["bert", "optin_bert"],
    open: |config, weights| Ok(Box::new(Bert::open(config, weights)?)),
}];

/// Opens the graph that the configuration names.
///
/// # Errors
/// When nobody knows its `model_type`, or the weights do not fit the configuration.
pub fn open(
    config: &Config,
    weights: &Weights,
) -> Result<(&'static str, Box<dyn PrunableModel>), CheckpointError> {
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
    Ok((architecture.name, (architecture.open)(config, weights)?))
}
