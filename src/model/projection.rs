//! The linear map that consumes a block's units. Scoring, repair and surgery read no other weights.

use super::nn::linear::Linear;

/// The linear map of a block, and where its checkpoint stores it.
pub struct Projection {
    /// The map, with weight `[out, columns]` and bias `[out]`, if it has one.
    pub linear: Linear,
    /// Tensor name of the weight.
    pub weight: String,
    /// Tensor name of the bias. `None` if the architecture has no bias there. A repair then fits the weight alone.
    pub bias: Option<String>,
}

impl Projection {
    /// Creates a projection from the tensor names `{name}.weight` and, if the map has a bias, `{name}.bias`.
    #[must_use]
    pub fn new(name: &str, linear: Linear) -> Self {
        Self {
            weight: format!("{name}.weight"),
            bias: linear.bias().map(|_| format!("{name}.bias")),
            linear,
        }
    }
}
