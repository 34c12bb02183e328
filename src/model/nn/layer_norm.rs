//! Layer normalisation over the last dimension.

use candle_core::{Result, Tensor};

/// `(x - mean) / sqrt(variance + epsilon) * weight + bias`.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f32,
}

impl LayerNorm {
    /// From weight and bias, both `[hidden]`.
    #[must_use]
    pub fn new(weight: Tensor, bias: Tensor, epsilon: f64) -> Self {
        Self {
            weight,
            bias,
            epsilon: epsilon as f32,
        }
    }

    /// `[.., hidden]` to the same shape.
    ///
    /// # Errors
    /// When the last dimension is not `hidden`.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        candle_nn::ops::layer_norm(input, &self.weight, &self.bias, self.epsilon)
    }
}
