//! Batch normalization after a linear map, folded into the map.
//!
//! In evaluation mode a batch norm multiplies each output by a constant and adds another one. It is folded into the map when
//! a graph is built, so that scores and repairs know nothing of it. A repaired map is written back through the norm: the
//! weight of the norm becomes the standard deviation, by which it divides, and its bias takes the bias of the map. The
//! running statistics stay. They need no new estimate, because the repair fits the bias of the map.

use candle_core::{Result, Tensor};

use super::nn::linear::Linear;
use crate::checkpoint::error::{CheckpointError, reason};
use crate::checkpoint::weights::Weights;

/// The values of a batch norm that a repair keeps, each `[out]`.
pub struct BatchNorm {
    /// Tensor name of the weight.
    weight: String,
    /// Tensor name of the bias.
    bias: String,
    /// The running mean, less the bias of the map that is stored before the norm.
    mean: Tensor,
    /// The square root of the running variance plus epsilon.
    deviation: Tensor,
}

impl BatchNorm {
    /// Loads the norm `{name}.weight`, `.bias`, `.running_mean` and `.running_var`, and folds it into the map before it.
    /// Returns the norm and the folded map.
    ///
    /// # Errors
    /// Returns an error if a tensor is missing or has another shape, or if a variance is negative.
    pub fn fold(
        weights: &Weights,
        name: &str,
        map: &Linear,
        epsilon: f64,
    ) -> std::result::Result<(Self, Linear), CheckpointError> {
        let outputs = map.outputs();
        let part = |part: &str| weights.tensor(&format!("{name}.{part}"), &[outputs]);
        let (weight, bias) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        let counter = format!("{name}.num_batches_tracked");
        weights.keep(&counter);
        let built = || -> Result<(Self, Linear, f32)> {
            let least = variance.to_vec1::<f32>()?.into_iter().fold(0.0, f32::min);
            let norm = Self {
                weight: format!("{name}.weight"),
                bias: format!("{name}.bias"),
                mean: match map.bias() {
                    Some(bias) => (mean - bias)?,
                    None => mean,
                },
                deviation: (variance + epsilon)?.sqrt()?,
            };
            let folded = norm.folded(map.weight(), &weight, &bias)?;
            Ok((norm, folded, least))
        };
        let (norm, folded, least) =
            built().map_err(|error| CheckpointError::Invalid(reason(&error)))?;
        match least < 0.0 {
            true => Err(CheckpointError::Invalid(format!(
                "tensor \"{name}.running_var\" contains a negative variance; the checkpoint is damaged"
            ))),
            false => Ok((norm, folded)),
        }
    }

    /// Returns the norm of some of the outputs.
    ///
    /// # Errors
    /// Returns an error if an output does not exist.
    pub(super) fn of_rows(&self, rows: &Tensor) -> Result<Self> {
        Ok(Self {
            weight: self.weight.clone(),
            bias: self.bias.clone(),
            mean: self.mean.index_select(rows, 0)?,
            deviation: self.deviation.index_select(rows, 0)?,
        })
    }

    /// Returns the tensors of the norm that give this map together with its weight `[out, in]`: the weight and the bias of
    /// the norm.
    ///
    /// # Errors
    /// Returns an error if the map has another number of outputs.
    pub(super) fn stored(&self, map: &Linear) -> Result<[(&str, Tensor); 2]> {
        let bias = match map.bias() {
            Some(bias) => (bias + &self.mean)?,
            None => self.mean.clone(),
        };
        Ok([(&self.weight, self.deviation.clone()), (&self.bias, bias)])
    }

    /// Returns the map that consists of a map with this weight `[out, in]`, and then the norm with this weight and bias.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub(super) fn folded(&self, map: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Linear> {
        let scale = (weight / &self.deviation)?;
        let bias = (bias - (&self.mean * &scale)?)?;
        Ok(Linear::new(map.broadcast_mul(&scale.unsqueeze(1)?)?, bias))
    }
}
