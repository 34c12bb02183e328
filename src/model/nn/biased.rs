//! The steps after a matrix product: the bias, then an activation or the activation's derivative.
//!
//! Products are `[.., width]` and biases `[width]`. On the CPU a [kernel](epilogue) overwrites the
//! product. On other devices candle's own operations run.

use candle_core::{Result, Tensor};

use super::activation::Activation;
use super::kernel::{Path, epilogue};
use super::storage::{on_cpu, read, rewrite};
use super::traced::{Traced, times_each};

/// Returns `activation(product + bias)`. The product may be overwritten, so no other code may read it.
///
/// # Errors
/// Returns an error if the last dimension is not that of the bias.
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

/// Returns `activation'(product + bias)`. The product may be overwritten, so no other code may read it.
///
/// # Errors
/// Returns an error if the last dimension is not that of the bias.
fn slopes(product: Tensor, bias: &Tensor, activation: Activation) -> Result<Tensor> {
    if !on_cpu(&product) {
        return activation.derivative(&product.broadcast_add(bias)?);
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

/// Computes the same as [`finish_product`], with a pullback to the product.
///
/// # Errors
/// Returns an error if the last dimension is not that of the bias.
pub(super) fn finish_traced(
    product: Tensor,
    bias: &Tensor,
    activation: Activation,
) -> Result<Traced> {
    let slopes = slopes(product.copy()?, bias, activation)?;
    Ok(Traced {
        value: finish_product(product, bias, Some(activation))?,
        pull: Box::new(move |cotangent| times_each(cotangent, &slopes)),
    })
}

fn check_width(product: &Tensor, bias: &Tensor) -> Result<()> {
    if product.dims().last() != bias.dims().last() {
        candle_core::bail!("the widths of the bias and the product do not match");
    }
    Ok(())
}
