//! Derivatives by the masks of units.

use candle_core::{Result, Tensor};

use super::kernel::{Path, contract};
use super::storage::read;

/// What a unit's mask does to each row: for activations `[rows, length, width * span]` and a
/// cotangent on them `[copies * rows, length, width * span]`, the sum of their products over a unit's
/// columns and a row's positions, `[copies * rows, width]` row-major.
///
/// # Errors
/// When shapes do not fit.
pub fn mask_derivative(activations: &Tensor, cotangent: &Tensor, span: usize) -> Result<Vec<f32>> {
    let (_, length, columns) = activations.dims3()?;
    if cotangent.dims()[1..] != activations.dims()[1..] {
        candle_core::bail!("a cotangent of another shape than its activations");
    }
    read([activations, cotangent], |[activations, cotangent]| {
        let width = columns / span;
        contract::by_unit(activations, cotangent, length, width, span, Path::Fastest)
    })
}
