//! Activation functions, by the names that `config.json` uses.

use candle_core::{Result, Tensor};

/// What stands between the two linear maps of a feed-forward layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// The exact GELU, by the error function (`gelu`).
    Gelu,
    /// GELU by its tanh approximation (`gelu_new`, `gelu_pytorch_tanh`).
    GeluTanh,
    /// `max(x, 0)` (`relu`).
    Relu,
}

impl Activation {
    /// Names that [`named`](Self::named) knows.
    pub const NAMES: &'static [&'static str] = &["gelu", "gelu_new", "gelu_pytorch_tanh", "relu"];

    /// The function that a configuration names.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "gelu" => Some(Self::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" => Some(Self::GeluTanh),
            "relu" => Some(Self::Relu),
            _ => None,
        }
    }

    /// Elementwise.
    ///
    /// # Errors
    /// Never on f32.
    pub fn forward(self, input: &Tensor) -> Result<Tensor> {
        match self {
            // Candle's `gelu` is the tanh form; what configurations call `gelu` is the exact one.
            Self::Gelu => input.gelu_erf(),
            Self::GeluTanh => input.gelu(),
            Self::Relu => input.relu(),
        }
    }
}
