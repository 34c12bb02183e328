//! The blocks of the chain: each consumes the channels between two convolutions of a residual block.
//!
//! A basic residual block is one block of the chain. A bottleneck has channels in two places, so it is two blocks, and its
//! shortcut is carried from the first to the second.

use super::config::{BlockSizes, ResNetConfig};
use super::names;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::block::Block;
use crate::model::convnet::load::{ConvSizes, convolve, projection};
use crate::model::convnet::units::channels;
use crate::model::layer::activate::Activate;
use crate::model::layer::sequence::Sequence;
use crate::model::layer::shortcut::{Arrive, Depart, Forget};
use crate::model::layer::unfold::Unfold;
use crate::model::nn::activation::Activation;
use crate::model::nn::kernel::window::Window;
use crate::model::unit::UnitGroup;

/// Builds the blocks of a residual block. `first` is the index of the first one in the chain.
pub(super) fn residual(
    config: &ResNetConfig,
    sizes: &BlockSizes,
    weights: &Weights,
    first: usize,
) -> Result<Vec<(Block, UnitGroup)>, CheckpointError> {
    let sides = config.kind.sides();
    let window = |index: usize| {
        let strided = index == config.kind.strided();
        Window::centered(sides[index], if strided { sizes.stride } else { 1 })
    };
    let width = |index: usize| match index.checked_sub(1) {
        None => sizes.inputs,
        Some(before) => sizes.inner.get(before).copied().unwrap_or(sizes.outputs),
    };
    let of = |index: usize| ConvSizes {
        inputs: width(index),
        outputs: width(index + 1),
        window: window(index),
    };
    let shortcut = || -> Result<Sequence, CheckpointError> {
        if !sizes.has_shortcut() {
            return Ok(Sequence::identity());
        }
        let of = ConvSizes {
            inputs: sizes.inputs,
            outputs: sizes.outputs,
            window: Window::centered(1, sizes.stride),
        };
        Ok(Sequence::identity().then(convolve(weights, &names::shortcut(sizes), of)?))
    };
    let last = sides.len() - 1;
    let mut blocks = Vec::new();
    for index in 1..=last {
        let names = [index - 1, index].map(|index| names::convolution(sizes, index));
        let mut units = Sequence::identity();
        if index == 1 {
            if last > 1 {
                units = units.then(Depart::new(shortcut()?));
            }
            let before = convolve(weights, &names[0], of(0))?;
            units = units.then(before.activated(Activation::Relu));
        }
        if window(index) != Window::PIXEL {
            units = units.then(Unfold::new(window(index), width(index)));
        }
        let sum = || Activate::new(config.activation, sizes.outputs);
        let (skip, finish) = match (index == last, last > 1) {
            (false, _) => (
                None,
                Sequence::identity().then(Activate::new(Activation::Relu, width(index + 1))),
            ),
            (true, true) => (
                Some(Sequence::identity().then(Arrive)),
                Sequence::identity().then(Forget).then(sum()),
            ),
            (true, false) => (Some(shortcut()?), Sequence::identity().then(sum())),
        };
        let block = Block {
            units,
            projection: projection(weights, &names[1], of(index))?,
            skip,
            finish,
            // The output of a whole residual block is a feature.
            feature: (index == last).then(Sequence::identity),
        };
        let group = channels(
            names::group(sizes, index - 1),
            first + index - 1,
            width(index),
            window(index).pixels(),
            [&names[0], &names[1]],
        );
        blocks.push((block, group));
    }
    Ok(blocks)
}
