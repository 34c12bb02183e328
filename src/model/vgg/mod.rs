//! Convolutional networks without shortcuts for image classification (Simonyan and Zisserman 2015).
//!
//! The units are the channels after each convolution, and the neurons of the hidden layers of the classifier. Depth and
//! widths are those of the tensors.

mod blocks;
mod features;

use self::blocks::Classifier;
use super::chain::Model;
use super::convnet::library::{self, Library};
use super::unit::Units;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Beginnings of the names of supported architectures, of timm and of torchvision.
pub const ARCHITECTURES: &[&str] = &["vgg"];

/// Builds the graph of a folder of timm from the weights.
///
/// # Errors
/// Returns an error if the architecture is not supported, or if a tensor is missing, has another shape or contains values
/// that are not finite.
pub fn open_timm(config: &Config, weights: &Weights, _: Units) -> Result<Model, CheckpointError> {
    open(config, weights, (Library::Timm, &blocks::OF_TIMM))
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
    open(
        config,
        weights,
        (Library::Torchvision, &blocks::OF_TORCHVISION),
    )
}

fn open(
    config: &Config,
    weights: &Weights,
    (library, classifier): (Library, &Classifier),
) -> Result<Model, CheckpointError> {
    let image = library.image(config, weights, &["features.0.weight"])?;
    let labels = library::labels(config, weights, classifier.names[2])?;
    let features = features::read(weights)?;
    let export = library::exporter(library, config, (image, &labels));
    blocks::build(
        weights,
        &features,
        classifier,
        (image, labels.len()),
        export,
    )
}
