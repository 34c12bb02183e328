//! Construction of convolutions from named tensors.

use candle_core::Result;

use crate::checkpoint::error::{CheckpointError, reason};
use crate::checkpoint::weights::Weights;
use crate::model::batch_norm::BatchNorm;
use crate::model::layer::convolution::Convolve;
use crate::model::nn::convolution::Convolution;
use crate::model::nn::kernel::window::Window;
use crate::model::nn::linear::Linear;
use crate::model::projection::Projection;

/// What torch adds to the variance of a batch norm. No configuration has another value.
const NORM_EPSILON: f64 = 1e-5;

/// Names of the tensors of a convolution, without `.weight`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct ConvNames {
    pub(in crate::model) map: String,
    /// The batch norm after it.
    pub(in crate::model) norm: Option<String>,
}

/// Sizes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) struct ConvSizes {
    pub(in crate::model) inputs: usize,
    pub(in crate::model) outputs: usize,
    pub(in crate::model) window: Window,
}

/// Loads a convolution as a layer. A batch norm after it is folded into it.
///
/// # Errors
/// Returns an error if a tensor is missing or has another shape.
pub(in crate::model) fn convolve(
    weights: &Weights,
    names: &ConvNames,
    sizes: ConvSizes,
) -> std::result::Result<Convolve, CheckpointError> {
    let projection = projection(weights, names, sizes)?;
    let convolution = Convolution::new(projection.linear, sizes.window);
    let convolution = convolution.map_err(|error| CheckpointError::Invalid(reason(&error)))?;
    Ok(Convolve::new(projection.weight, convolution))
}

/// Loads a convolution as the projection of a block, whose units are unfolded. A batch norm after it is folded into it.
///
/// # Errors
/// Returns an error if a tensor is missing or has another shape.
pub(in crate::model) fn projection(
    weights: &Weights,
    names: &ConvNames,
    sizes: ConvSizes,
) -> std::result::Result<Projection, CheckpointError> {
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
    let projection = Projection::new(&names.map, linear.clone()).over(window);
    match &names.norm {
        Some(norm) => {
            let folded = BatchNorm::fold(weights, norm, &linear, NORM_EPSILON)?;
            Ok(projection.normed(folded))
        }
        None => Ok(projection),
    }
}
