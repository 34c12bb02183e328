//! Construction of convolutions from named tensors.

use candle_core::Result;

use crate::checkpoint::error::{CheckpointError, reason};
use crate::checkpoint::weights::Weights;
use crate::model::batch_norm::BatchNorm;
use crate::model::nn::kernel::window::Window;
use crate::model::nn::linear::Linear;
use crate::model::stored_map::StoredMap;

/// What torch adds to the variance of a batch norm. No configuration has another value.
const NORM_EPSILON: f64 = 1e-5;

/// Names of the tensors of a convolution, without `.weight`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct ConvNames {
    pub(in crate::model) map: String,
    /// The batch norm after it.
    pub(in crate::model) norm: Option<String>,
}

/// A convolution with the names of its tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct Named {
    pub(in crate::model) names: ConvNames,
    pub(in crate::model) sizes: ConvSizes,
}

/// Sizes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) struct ConvSizes {
    pub(in crate::model) inputs: usize,
    pub(in crate::model) outputs: usize,
    pub(in crate::model) window: Window,
}

/// Returns the sizes of a convolution from the shape of its weight, `[out, in, side, side]`. It pads so that each
/// `stride`-th pixel is the center of a window.
///
/// # Errors
/// Returns an error if the weight is missing, or is not that of a convolution with square windows of an odd side.
pub(in crate::model) fn sizes(
    weights: &Weights,
    map: &str,
    stride: usize,
) -> std::result::Result<ConvSizes, CheckpointError> {
    let name = format!("{map}.weight");
    match weights.shape(&name) {
        Some(&[outputs, inputs, side, other]) if side == other && side % 2 == 1 => Ok(ConvSizes {
            inputs,
            outputs,
            window: Window::centered(side, stride),
        }),
        Some(shape) => Err(CheckpointError::Invalid(format!(
            "tensor \"{name}\" has shape {shape:?}; a convolution has [out, in, side, side], with an odd side"
        ))),
        None => Err(CheckpointError::Invalid(format!(
            "the checkpoint has no tensor \"{name}\""
        ))),
    }
}

/// Loads a convolution. A batch norm after it is folded into it.
///
/// # Errors
/// Returns an error if a tensor is missing or has another shape.
pub(in crate::model) fn convolution(
    weights: &Weights,
    names: &ConvNames,
    sizes: ConvSizes,
) -> std::result::Result<StoredMap, CheckpointError> {
    let map = matrix(weights, names, sizes)?.over(sizes.window);
    map.map_err(|error| CheckpointError::Invalid(reason(&error)))
}

/// Loads a convolution as a matrix over the pixels of a window.
fn matrix(
    weights: &Weights,
    names: &ConvNames,
    sizes: ConvSizes,
) -> std::result::Result<StoredMap, CheckpointError> {
    let ConvSizes {
        inputs,
        outputs,
        window,
    } = sizes;
    let name = format!("{}.weight", names.map);
    let weight = weights.tensor(&name, &[outputs, inputs, window.side, window.side])?;
    let bias = format!("{}.bias", names.map);
    let bias = match weights.contains(&bias) {
        true => Some(weights.tensor(&bias, &[outputs])?),
        false => None,
    };
    let flat = || -> Result<Linear> {
        let weight = weight.reshape((outputs, inputs * window.pixels()))?;
        Ok(Linear::new(weight, bias))
    };
    let linear = flat().map_err(|error| CheckpointError::Invalid(reason(&error)))?;
    let map = StoredMap::new(&names.map, linear.clone());
    match &names.norm {
        Some(norm) => {
            let folded = BatchNorm::fold(weights, norm, &linear, NORM_EPSILON)?;
            Ok(map.normed(folded))
        }
        None => Ok(map),
    }
}
