//! Derivatives with respect to the masks of units.

use candle_core::{DType, Result, Tensor};

use super::kernel::{Path, contract};
use super::storage::{on_cpu, read};
use super::traced::by_copy;

/// Returns the derivative with respect to each unit's mask for each row, `[copies * rows, width]`, row-major.
///
/// The inputs are activations `[rows, length, width * span]` and a cotangent on them
/// `[copies * rows, length, width * span]`. The derivative is the sum of their products over the unit's
/// columns and the row's positions.
///
/// # Errors
/// Returns an error if shapes do not match.
pub fn mask_derivative(activations: &Tensor, cotangent: &Tensor, span: usize) -> Result<Vec<f32>> {
    let (rows, length, columns) = activations.dims3()?;
    if cotangent.dims()[1..] != activations.dims()[1..] {
        candle_core::bail!("the shapes of the cotangent and the activations do not match");
    }
    let width = columns / span;
    if !on_cpu(activations) {
        let products = by_copy(cotangent, activations)?.broadcast_mul(activations)?;
        let copies = products.dims()[0];
        let by_unit = products.reshape((copies * rows, length, width, span))?;
        let sums = by_unit.sum((1, 3))?.flatten_all()?;
        return sums.to_dtype(DType::F32)?.to_vec1();
    }
    read([activations, cotangent], |[activations, cotangent]| {
        contract::by_unit(activations, cotangent, length, width, span, Path::Fastest)
    })
}
