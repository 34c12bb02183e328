//! Activation functions, by the names that `config.json` uses.

use candle_core::{Result, Tensor};

use super::kernel::{Path, epilogue};
use super::storage::{on_cpu, read, rewrite};

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

    /// Elementwise, by candle's own operations.
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

    /// Its derivative, elementwise, by candle's own operations.
    fn slope(self, input: &Tensor) -> Result<Tensor> {
        match self {
            Self::Gelu => {
                let below = ((input * std::f64::consts::FRAC_1_SQRT_2)?.erf()? * 0.5)? + 0.5;
                let density =
                    ((input.sqr()? * -0.5)?.exp()? * (0.5 / std::f64::consts::PI).sqrt())?;
                below? + (input * density)?
            }
            Self::GeluTanh => {
                const CUBIC: f64 = 0.044_715;
                let scale = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
                let square = input.sqr()?;
                let inner = ((input * ((&square * CUBIC)? + 1.0)?)? * scale)?;
                let tanh = inner.tanh()?;
                let inner_slope = (((square * (3.0 * CUBIC))? + 1.0)? * scale)?;
                let through = ((input * (1.0 - tanh.sqr()?)?)? * inner_slope)?;
                ((tanh + 1.0)? + through)? * 0.5
            }
            Self::Relu => input.gt(0.0)?.to_dtype(input.dtype()),
        }
    }
}

/// `activation(product + bias)` of a product that nobody else reads: on the CPU it is overwritten.
///
/// # Errors
/// When the last dimension is not the bias's.
pub(super) fn finish_product(
    product: Tensor,
    bias: &Tensor,
    activation: Option<Activation>,
) -> Result<Tensor> {
    if product.elem_count() == 0 {
        return Ok(product);
    }
    if on_cpu(&product) {
        check_width(&product, bias)?;
        rewrite(&product, &|values| {
            read([bias], |[bias]| {
                epilogue::add_bias(values, bias, activation, Path::Fastest);
            })
        })?;
        return Ok(product);
    }
    let sum = product.broadcast_add(bias)?;
    match activation {
        Some(activation) => activation.forward(&sum),
        None => Ok(sum),
    }
}

/// `activation'(product + bias)` of a product that nobody else reads.
///
/// # Errors
/// When the last dimension is not the bias's.
pub(super) fn slopes(product: Tensor, bias: &Tensor, activation: Activation) -> Result<Tensor> {
    if !on_cpu(&product) {
        return activation.slope(&product.broadcast_add(bias)?);
    }
    check_width(&product, bias)?;
    if product.elem_count() > 0 {
        rewrite(&product, &|values| {
            read([bias], |[bias]| {
                epilogue::add_bias_and_differentiate(values, bias, activation, Path::Fastest);
            })
        })?;
    }
    Ok(product)
}

fn check_width(product: &Tensor, bias: &Tensor) -> Result<()> {
    if product.dims().last() != bias.dims().last() {
        candle_core::bail!("a bias of another width than its product");
    }
    Ok(())
}
