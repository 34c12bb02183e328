//! Feature terms: what changed between the vectors of two models.
//!
//! Manifold distillation compares the Gram matrices of the vectors:
//!
//! `L = ||F' F'^T - F F^T||_F^2 / k^2` over the `k` positions of one row, each normalized to length 1, and its mean over
//! the rows. The paper's manifold loss compares the positions of all rows with each other. Pairs within a row predict
//! the damage as well, and one backward pass then serves as an independent random probe of every row (`sketch`). The
//! divisor makes features with different numbers of positions comparable.
//!
//! When a single unit is removed, both products agree in most digits. The change is therefore computed from the
//! difference `D = F' - F`: with `M = D (F + D/2)^T` it is `M + M^T`, which avoids cancellation.
//!
//! The other terms are `||D||_F^2 / k` (vectors) and `||sum_p D_p||^2 / k^2` (their mean).

use candle_core::{D, Result, Tensor};

use crate::model::nn::meter;
use crate::prune::recipe::FeatureTerm;

/// Scales rows to length 1: `[.., d]` to the same shape. A row of zeros is unchanged.
///
/// # Errors
/// Does not fail for f32 tensors.
pub fn normalise(features: &Tensor) -> Result<Tensor> {
    features.broadcast_div(&lengths(features)?)
}

/// Returns the lengths of rows, `[.., d]` to `[.., 1]`. That of a row of zeros is a positive number.
///
/// # Errors
/// Does not fail for f32 tensors.
pub fn lengths(features: &Tensor) -> Result<Tensor> {
    let lengths = features.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
    lengths.maximum(f64::from(f32::MIN_POSITIVE))
}

/// Returns the term of a feature for each row of a batch. `reference` and `changed` hold normalized vectors,
/// `[rows, k, d]` and `[copies * rows, k, d]`. The result is `[copies * rows]`.
///
/// # Errors
/// Returns an error if the shapes do not match.
pub fn changes(term: FeatureTerm, reference: &Tensor, changed: &Tensor) -> Result<Vec<f64>> {
    if term == FeatureTerm::Pairs {
        return gram_changes(reference, changed);
    }
    let (rows, size, _) = changed.dims3()?;
    let copies = rows / reference.dim(0)?.max(1);
    let difference = (changed - reference.repeat((copies, 1, 1))?)?;
    let squares = match term {
        FeatureTerm::Mean => difference.mean(1)?.sqr()?.sum(1)?,
        _ => (difference.sqr()?.sum((1, 2))? / size as f64)?,
    };
    let squares = squares.to_vec1::<f32>()?.into_iter();
    Ok(squares.map(f64::from).collect())
}

/// Returns for each row of a batch the mean over all pairs of its positions of the squared change of their product from
/// `reference` to `changed`. Both are normalized, `[rows, k, d]` and `[copies * rows, k, d]`. The result is
/// `[copies * rows]`.
///
/// # Errors
/// Returns an error if the shapes do not match.
fn gram_changes(reference: &Tensor, changed: &Tensor) -> Result<Vec<f64>> {
    let (rows, size, width) = changed.dims3()?;
    if size < 2 {
        // There are no pairs.
        return Ok(vec![0.0; rows]);
    }
    let copies = rows / reference.dim(0)?.max(1);
    let reference = reference.repeat((copies, 1, 1))?;
    let difference = (changed - &reference)?;
    let middle = (reference + (&difference * 0.5)?)?;
    let half = difference.matmul(&middle.transpose(1, 2)?.contiguous()?)?;
    meter::count(rows * size * size * width);
    let values = half.flatten_all()?.to_vec1::<f32>()?;
    let matrices = values.chunks_exact(size * size);
    Ok(matrices
        .map(|matrix| symmetric_norm(matrix, size) / (size * size) as f64)
        .collect())
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
