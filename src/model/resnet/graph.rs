//! The graph of a residual network.

use super::blocks;
use super::network::Network;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::batch::Reads;
use crate::model::chain::Model;
use crate::model::convnet::load::{Named, convolution};
use crate::model::export::Export;
use crate::model::layer::mapped::Mapped;
use crate::model::layer::pool::Pool;
use crate::model::layer::sequence::Sequence;
use crate::model::load;
use crate::model::mask::Masks;
use crate::model::nn::kernel::window::Window;
use crate::model::nn::pool::Pooling;
use crate::model::pixels::OfPixels;

/// Builds the graph.
///
/// # Errors
/// Returns an error if a tensor is missing, has another shape or contains values that are not finite.
pub(super) fn build(
    network: &Network,
    weights: &Weights,
    export: impl Fn(&Masks) -> Export + Send + Sync + 'static,
) -> Result<Model, CheckpointError> {
    let mut layers = Sequence::identity();
    for Named { names, sizes } in &network.stem {
        let map = Mapped::new(convolution(weights, names, *sizes)?);
        layers = layers.then(map.activated(network.activation));
    }
    let mut width = network.stem.last().map_or(0, |last| last.sizes.outputs);
    if network.is_pooled {
        layers = layers.then(Pool::windows(Pooling::Max, Window::centered(3, 2), width));
    }
    let (mut blocks, mut groups) = (Vec::new(), Vec::new());
    for residual in &network.blocks {
        for (block, group) in blocks::of(residual, network.activation, weights, blocks.len())? {
            blocks.push(block);
            groups.push(group);
        }
        let last = residual.convolutions.last();
        width = last.map_or(width, |last| last.sizes.outputs);
    }
    let classifier = load::dense(weights, &network.classifier, width, network.labels.len())?;
    Ok(Model {
        reads: Reads::Pixels(network.image),
        stem: Box::new(OfPixels {
            image: network.image,
            layers,
            device: weights.device().clone(),
        }),
        head: Sequence::identity()
            .then(Pool::mean_to([1, 1], width))
            .then(classifier),
        blocks,
        groups,
        head_maps: Vec::new(),
        parts: None,
        merging: None,
        export: Box::new(export),
    })
}
