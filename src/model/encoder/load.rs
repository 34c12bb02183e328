//! Construction of building blocks from named tensors.

use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::layer::dense::Dense;
use crate::model::nn::layer_norm::LayerNorm;
use crate::model::nn::linear::Linear;

/// Loads a linear map from `{name}.weight` `[outputs, inputs]` and `{name}.bias` `[outputs]`.
pub(in crate::model) fn linear(
    weights: &Weights,
    name: &str,
    inputs: usize,
    outputs: usize,
) -> Result<Linear, CheckpointError> {
    let weight = weights.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
    Ok(Linear::new(
        weight,
        weights.tensor(&format!("{name}.bias"), &[outputs])?,
    ))
}

/// Loads a linear layer from `{name}.weight` `[outputs, inputs]` and `{name}.bias` `[outputs]`.
pub(in crate::model) fn dense(
    weights: &Weights,
    name: &str,
    inputs: usize,
    outputs: usize,
) -> Result<Dense, CheckpointError> {
    let linear = linear(weights, name, inputs, outputs)?;
    Ok(Dense::new(format!("{name}.weight"), linear))
}

/// Loads a layer norm from `{name}.weight` and `{name}.bias`, both `[width]`.
pub(in crate::model) fn layer_norm(
    weights: &Weights,
    name: &str,
    width: usize,
    epsilon: f64,
) -> Result<LayerNorm, CheckpointError> {
    let weight = weights.tensor(&format!("{name}.weight"), &[width])?;
    Ok(LayerNorm::new(
        weight,
        weights.tensor(&format!("{name}.bias"), &[width])?,
        epsilon,
    ))
}
