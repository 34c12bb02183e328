//! Residual convolutional networks for image classification (He et al. 2016).
//!
//! The units are the channels between the convolutions of each residual block. The channels between the residual blocks are
//! shared by all blocks of a stage, and stay.

mod blocks;
mod config;
pub mod dialects;
mod export;
mod graph;
mod names;
mod network;
mod shapes;

pub use self::config::CLASSES;
use super::chain::Model;
use super::unit::Units;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Builds the graph that a configuration of transformers describes from the weights.
///
/// # Errors
/// Returns an error if the configuration is not supported, or if a tensor is missing, has another shape or contains values
/// that are not finite.
pub fn open(source: &Config, weights: &Weights, _: Units) -> Result<Model, CheckpointError> {
    let network = config::read(source)?;
    let (image, labels, source) = (network.image, network.labels.clone(), source.clone());
    graph::build(&network, weights, move |masks| {
        export::export(image, &labels, &source, masks)
    })
}
