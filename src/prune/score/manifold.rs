//! Manifold distillation: the change of the Gram matrix of the token vectors.
//!
//! `L = ||F' F'^T - F F^T||_F^2 / K^2` over `K` rows normalized to length 1 (paper, equation of the manifold loss). The
//! divisor, which the paper does not have, makes features with different numbers of positions comparable. When a single
//! unit is removed, both products agree in most digits. The change is therefore computed from the difference
//! `D = F' - F`: with `M = D (F + D/2)^T` it is `M + M^T`, which avoids cancellation.

use candle_core::{D, Result, Tensor};

use crate::model::nn::meter;

/// Scales rows to length 1: `[.., d]` to the same shape. A row of zeros is unchanged.
///
/// # Errors
/// Does not fail for f32 tensors.
pub fn normalise(features: &Tensor) -> Result<Tensor> {
    let norm = features.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
    features.broadcast_div(&norm.maximum(f64::from(f32::MIN_POSITIVE))?)
}

/// Returns the mean over all pairs of rows of the squared change of their product from `reference` to `changed`. Both are
/// normalized, `[K, d]`.
///
/// # Errors
/// Returns an error if the shapes differ.
pub fn gram_change(reference: &Tensor, changed: &Tensor) -> Result<f64> {
    let difference = (changed - reference)?;
    let middle = (reference + (&difference * 0.5)?)?;
    let half = difference.matmul(&middle.t()?)?;
    let size = half.dims()[0];
    meter::count(size * size * reference.dims()[1]);
    let values = half.flatten_all()?.to_vec1::<f32>()?;
    Ok(symmetric_norm(&values, size) / (size * size).max(1) as f64)
}

/// Returns `||M + M^T||_F^2` of a square matrix, summed in f64. It works tile by tile, because reading the whole
/// transposed matrix would miss the cache at each step.
fn symmetric_norm(matrix: &[f32], size: usize) -> f64 {
    const TILE: usize = 32;
    let mut total = 0.0;
    for row_tile in (0..size).step_by(TILE) {
        for column_tile in (0..=row_tile).step_by(TILE) {
            for row in row_tile..(row_tile + TILE).min(size) {
                for column in column_tile..(column_tile + TILE).min(row + 1) {
                    let sum = f64::from(matrix[row * size + column])
                        + f64::from(matrix[column * size + row]);
                    total += if row == column {
                        sum * sum
                    } else {
                        2.0 * sum * sum
                    };
                }
            }
        }
    }
    total
}
