//! ResNets of timm and torchvision, and those for CIFAR.

use super::graph;
use super::network::Network;
use super::shapes::{self, Form};
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::chain::Model;
use crate::model::convnet::library::{self, Library};
use crate::model::unit::Units;

/// Beginnings of the names of supported architectures of timm.
pub const OF_TIMM: &[&str] = &["resnet"];

/// Beginnings of the names of supported architectures of torchvision.
pub const OF_TORCHVISION: &[&str] = &["resnet"];

/// `model_type` of the networks for CIFAR (He et al. 2016, section 4.2).
pub const OF_CIFAR: &[&str] = &["cifar_resnet"];

/// Builds the graph of a folder of timm from the weights.
///
/// # Errors
/// Returns an error if the architecture is not supported, or if a tensor is missing, has another shape or contains values
/// that are not finite.
pub fn open_timm(config: &Config, weights: &Weights, _: Units) -> Result<Model, CheckpointError> {
    open(config, weights, Library::Timm, "fc")
}

/// Builds the graph of a network with the names of torchvision from the weights.
///
/// # Errors
/// See [`open_timm`].
pub fn open_torchvision(
    config: &Config,
    weights: &Weights,
    _: Units,
) -> Result<Model, CheckpointError> {
    open(config, weights, Library::Torchvision, "fc")
}

/// Builds the graph of a network for CIFAR from the weights.
///
/// # Errors
/// See [`open_timm`].
pub fn open_cifar(config: &Config, weights: &Weights, _: Units) -> Result<Model, CheckpointError> {
    open(config, weights, Library::Cifar, "linear")
}

fn open(
    config: &Config,
    weights: &Weights,
    library: Library,
    classifier: &str,
) -> Result<Model, CheckpointError> {
    let network = read(config, weights, library, classifier)?;
    let export = library::exporter(library, config, (network.image, &network.labels));
    let model = graph::build(&network, weights, export)?;
    // A network with more operations in its blocks has more tensors there.
    match weights
        .unread()
        .iter()
        .find(|name| name.starts_with("layer"))
    {
        Some(name) => Err(CheckpointError::UnsupportedModel(format!(
            "the checkpoint has a tensor \"{name}\", which no plain ResNet has; supported are residual blocks of convolutions and batch norms"
        ))),
        None => Ok(model),
    }
}

fn read(
    config: &Config,
    weights: &Weights,
    library: Library,
    classifier: &str,
) -> Result<Network, CheckpointError> {
    let form = Form {
        is_small: library == Library::Cifar,
        classifier,
    };
    let first = ["conv1.weight", "conv1.0.weight"];
    let image = library.image(config, weights, &first)?;
    let labels = library::labels(config, weights, classifier)?;
    shapes::read(weights, form, image, labels)
}
