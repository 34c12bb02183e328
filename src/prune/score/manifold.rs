//! Manifold distillation: how much the Gram matrix of the token vectors changes.
//!
//! `L = ||F' F'^T - F F^T||_F^2` over `K` rows normalised to length 1 (paper, equation of the
//! manifold loss). For one unit both products agree in most digits, so the change is computed from
//! the difference `D = F' - F` alone: with `M = D (F + D/2)^T` it is `M + M^T`, and nothing cancels.

use candle_core::{D, Result, Tensor};

use crate::model::nn::meter;

/// Rows scaled to length 1; `[.., d]` to the same shape. A row of zeros stays as it is.
///
/// # Errors
/// Never on f32.
pub fn normalise(features: &Tensor) -> Result<Tensor> {
    let norm = features.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
    features.broadcast_div(&norm.maximum(f64::from(f32::MIN_POSITIVE))?)
}

/// Squared Frobenius norm of the Gram matrix's change between `reference` and `changed`, both
/// normalised, `[K, d]`.
///
/// # Errors
/// When shapes differ.
pub fn gram_change(reference: &Tensor, changed: &Tensor) -> Result<f64> {
    let difference = (changed - reference)?;
    let middle = (reference + (&difference * 0.5)?)?;
    let half = difference.matmul(&middle.t()?)?;
    let size = half.dims()[0];
    meter::count(size * size * reference.dims()[1]);
    let values = half.flatten_all()?.to_vec1::<f32>()?;
    Ok(symmetric_norm(&values, size))
}

/// `||M + M^T||_F^2` of a square matrix, summed in f64; tile by tile, for the transposed read would
/// miss the cache at each step.
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
