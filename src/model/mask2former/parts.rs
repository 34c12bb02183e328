//! Construction of the parts that both decoders share.

use candle_core::{Result as Computed, Tensor};

use crate::checkpoint::error::{CheckpointError, reason};
use crate::checkpoint::weights::Weights;
use crate::model::block::Block;
use crate::model::convnet::load::{ConvNames, ConvSizes, convolution};
use crate::model::head_maps::HeadMaps;
use crate::model::layer::mapped::Mapped;
use crate::model::layer::sequence::Sequence;
use crate::model::load;
use crate::model::nn::activation::Activation;
use crate::model::nn::group_norm::GroupNorm;
use crate::model::nn::kernel::window::Window;
use crate::model::stored_map::StoredMap;
use crate::model::unit::UnitGroup;

/// Epsilon of every norm. No key sets it.
pub(super) const NORM_EPSILON: f64 = 1e-5;

/// The blocks, groups and heads of a part of the chain.
pub(super) struct Chain {
    pub(super) blocks: Vec<Block>,
    pub(super) groups: Vec<UnitGroup>,
    pub(super) head_maps: Vec<HeadMaps>,
}

/// Returns the result of a computation with tensors of the checkpoint.
pub(super) fn computed<T>(result: Computed<T>) -> Result<T, CheckpointError> {
    result.map_err(|error| CheckpointError::Invalid(reason(&error)))
}

/// Loads a layer norm.
pub(super) fn norm(
    weights: &Weights,
    name: &str,
    width: usize,
) -> Result<Sequence, CheckpointError> {
    load::norm(weights, name, width, NORM_EPSILON)
}

/// Loads a group norm over `width` channels.
pub(super) fn group_norm(
    weights: &Weights,
    name: &str,
    groups: usize,
    width: usize,
) -> Result<GroupNorm, CheckpointError> {
    let weight = weights.tensor(&format!("{name}.weight"), &[width])?;
    let bias = weights.tensor(&format!("{name}.bias"), &[width])?;
    computed(GroupNorm::new(weight, bias, groups, NORM_EPSILON))
}

/// Loads a convolution, which pads so that each pixel is the center of a window.
pub(super) fn conv(
    weights: &Weights,
    name: &str,
    [inputs, outputs]: [usize; 2],
    side: usize,
) -> Result<StoredMap, CheckpointError> {
    let names = ConvNames {
        map: name.to_owned(),
        norm: None,
    };
    let sizes = ConvSizes {
        inputs,
        outputs,
        window: Window::centered(side, 1),
    };
    convolution(weights, &names, sizes)
}

/// Builds the feed-forward layer that every part has: the norm is after it, or before it.
pub(super) fn feed_forward(
    weights: &Weights,
    name: &str,
    [hidden, width]: [usize; 2],
    activation: Activation,
    pre_norm: bool,
    finish: impl FnOnce(Sequence) -> Sequence,
) -> Result<Block, CheckpointError> {
    let first = load::stored(weights, &format!("{name}.fc1"), hidden, width)?;
    let [before, after] = around(
        weights,
        &format!("{name}.final_layer_norm"),
        hidden,
        pre_norm,
    )?;
    Ok(Block {
        units: before.then(Mapped::new(first).activated(activation)),
        projection: load::stored(weights, &format!("{name}.fc2"), width, hidden)?,
        skip: Some(Sequence::identity()),
        finish: finish(after),
        // The output of a whole layer is a feature.
        feature: Some(Sequence::identity()),
    })
}

/// Returns what is before and after a layer: a norm at one of both places.
pub(super) fn around(
    weights: &Weights,
    name: &str,
    hidden: usize,
    pre_norm: bool,
) -> Result<[Sequence; 2], CheckpointError> {
    let norm = norm(weights, name, hidden)?;
    Ok(match pre_norm {
        true => [norm, Sequence::identity()],
        false => [Sequence::identity(), norm],
    })
}

/// Loads learned numbers, `[rows, channels]`, as `[1, rows, channels]`.
pub(super) fn learned(
    weights: &Weights,
    name: &str,
    shape: [usize; 2],
) -> Result<Tensor, CheckpointError> {
    computed(weights.tensor(name, &shape)?.unsqueeze(0))
}
