//! The blocks of the chain: each consumes the channels between two convolutions of a residual block.
//!
//! A basic residual block is one block of the chain. A bottleneck has channels in two places, so it is two blocks, and its
//! shortcut is carried from the first to the second.

use super::network::{Residual, Shortcut};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::block::Block;
use crate::model::convnet::load::{Named, convolution};
use crate::model::convnet::units::channels;
use crate::model::layer::activate::Activate;
use crate::model::layer::mapped::Mapped;
use crate::model::layer::pad_channels::PadChannels;
use crate::model::layer::pool::Pool;
use crate::model::layer::sequence::Sequence;
use crate::model::layer::shortcut::{Arrive, Depart, Forget};
use crate::model::nn::activation::Activation;
use crate::model::unit::UnitGroup;

/// Builds the blocks of a residual block. `first` is the index of the first one in the chain.
pub(super) fn of(
    residual: &Residual,
    activation: Activation,
    weights: &Weights,
    first: usize,
) -> Result<Vec<(Block, UnitGroup)>, CheckpointError> {
    let last = residual.convolutions.len() - 1;
    let mut blocks = Vec::new();
    for (index, pair) in (1..).zip(residual.convolutions.windows(2)) {
        let [before, after] = pair else { continue };
        let mut units = Sequence::identity();
        if index == 1 {
            if last > 1 {
                units = units.then(Depart::new(shortcut(&residual.shortcut, weights)?));
            }
            let before = Mapped::new(convolution(weights, &before.names, before.sizes)?);
            units = units.then(before.activated(Activation::Relu));
        }
        let (width, outputs) = (after.sizes.inputs, after.sizes.outputs);
        let sum = Activate::new(activation, outputs);
        let (skip, finish) = match (index == last, last > 1) {
            (false, _) => (
                None,
                Sequence::identity().then(Activate::new(Activation::Relu, outputs)),
            ),
            (true, true) => (
                Some(Sequence::identity().then(Arrive)),
                Sequence::identity().then(Forget).then(sum),
            ),
            (true, false) => (
                Some(shortcut(&residual.shortcut, weights)?),
                Sequence::identity().then(sum),
            ),
        };
        let block = Block {
            units,
            projection: convolution(weights, &after.names, after.sizes)?,
            skip,
            finish,
            // The output of a whole residual block is a feature.
            feature: (index == last).then(Sequence::identity),
        };
        let group = channels(
            residual.channels[index - 1].clone(),
            first + index - 1,
            width,
            [&before.names, &after.names],
        );
        blocks.push((block, group));
    }
    Ok(blocks)
}

/// Returns the layers of a shortcut.
fn shortcut(shortcut: &Shortcut, weights: &Weights) -> Result<Sequence, CheckpointError> {
    let mapped = |Named { names, sizes }: &Named| {
        Ok::<_, CheckpointError>(Mapped::new(convolution(weights, names, *sizes)?))
    };
    let layers = Sequence::identity();
    Ok(match shortcut {
        Shortcut::Input => layers,
        Shortcut::Convolution(named) => layers.then(mapped(named)?),
        Shortcut::PooledConvolution(side, named) => layers
            .then(Pool::mean_of_squares(*side, named.sizes.inputs))
            .then(mapped(named)?),
        Shortcut::Padded {
            stride,
            channels,
            added,
        } => layers.then(PadChannels::new(*stride, *channels, *added)),
    })
}
