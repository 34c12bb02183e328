//! Activation functions of whole tensors.

use candle_core::{Result, Tensor};

use super::activation::Activation;
use super::biased::{finish_product, finish_traced};
use super::traced::Traced;

/// Applies the function to each element of `[.., width]`.
///
/// # Errors
/// Returns an error if the tensor has no dimension.
pub fn activate(input: &Tensor, activation: Activation) -> Result<Tensor> {
    let copy = input.contiguous()?.copy()?;
    finish_product(copy, &zeros(input)?, Some(activation))
}

/// Computes the same as [`activate`], with a pullback.
///
/// # Errors
/// Returns an error if the tensor has no dimension.
pub fn traced(input: &Tensor, activation: Activation) -> Result<Traced> {
    finish_traced(input.contiguous()?.copy()?, &zeros(input)?, activation)
}

/// Returns a bias of zeros.
fn zeros(input: &Tensor) -> Result<Tensor> {
    let width = input.dim(candle_core::D::Minus1)?;
    Tensor::zeros(width, input.dtype(), input.device())
}
