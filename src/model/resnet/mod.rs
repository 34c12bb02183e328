//! Residual convolutional networks for image classification (He et al. 2016).
//!
//! The units are the channels between the convolutions of each residual block. The channels between the residual blocks are
//! shared by all blocks of a stage, and stay.

mod blocks;
mod config;
mod export;
mod names;

pub use self::config::CLASSES;
use self::config::ResNetConfig;
use super::batch::Reads;
use super::chain::Model;
use super::convnet::load::{ConvSizes, convolve};
use super::convnet::stem::OfPixels;
use super::layer::pool::Pool;
use super::layer::sequence::Sequence;
use super::load;
use super::nn::kernel::window::Window;
use super::nn::pool::Pooling;
use super::unit::Units;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Builds the graph that the configuration describes from the weights.
///
/// # Errors
/// Returns an error if the configuration is not supported, or if a tensor is missing, has another shape or contains values
/// that are not finite.
pub fn open(source: &Config, weights: &Weights, _: Units) -> Result<Model, CheckpointError> {
    let config = ResNetConfig::read(source)?;
    let (mut blocks, mut groups) = (Vec::new(), Vec::new());
    for sizes in &config.blocks {
        for (block, group) in blocks::residual(&config, sizes, weights, blocks.len())? {
            blocks.push(block);
            groups.push(group);
        }
    }
    let stem = ConvSizes {
        inputs: config.image.channels,
        outputs: config.stem,
        window: Window::centered(7, 2),
    };
    let stem = convolve(weights, &names::stem(), stem)?.activated(config.activation);
    let widest = Pool::windows(Pooling::Max, Window::centered(3, 2), config.stem);
    let last = config
        .blocks
        .last()
        .map_or(config.stem, |block| block.outputs);
    let classifier = load::dense(weights, names::CLASSIFIER, last, config.labels.len())?;
    Ok(Model {
        reads: Reads::Pixels(config.image),
        stem: Box::new(OfPixels {
            layers: Sequence::identity().then(stem).then(widest),
            device: weights.device().clone(),
        }),
        head: Sequence::identity()
            .then(Pool::mean_to([1, 1], last))
            .then(classifier),
        blocks,
        groups,
        head_maps: Vec::new(),
        merging: None,
        export: {
            let source = source.clone();
            Box::new(move |masks| export::export(&config, &source, masks))
        },
    })
}
