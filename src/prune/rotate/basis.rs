//! The matrices that turn one head, in f64.
//!
//! Values: let `C` be the covariance of the head's context and `W` its columns of the projection. With the singular
//! value decomposition `W C^(1/2) = P s U^T`, the context `c` becomes `R^T c` with `R = C^(-1/2) U`, and `W` becomes
//! `W C^(1/2) U`. The new channels are uncorrelated, have variance 1, and contribute `s^2` each to the variance of the
//! projection's output. The first `k` channels are therefore the best `k` (Eckart and Young 1936).
//!
//! Queries and keys: let `Sq` be the second moment of the queries and `Sk` that of the keys minus their mean in each row,
//! because a constant that is added to all keys changes no softmax. With `Sq^(1/2) Sk^(1/2) = U s V^T`, queries become
//! `A^T q` with `A = Sq^(-1/2) U s^(1/2)` and keys `B^T k` with `B = Sk^(-1/2) V s^(1/2)`, and `A B^T = I`. Channel `i`
//! contributes `s_i^2` to the mean square of the scores.

use faer::{Mat, Side};

use crate::prune::failure::{Code, Failure};

/// Smallest eigenvalue of a moment that is used, relative to the largest one. It bounds the rounding errors of the
/// rotated model.
const FLOOR: f64 = 1e-6;

/// A pair of matrices `left` and `right`, both `[width, width]`, with `right left^T = I`. A head's values or queries are
/// multiplied by `left^T`, and its columns of the projection by `right` from the right, or its keys by `right^T`.
#[derive(Clone, Debug, PartialEq)]
pub struct Basis {
    /// Turns the values or the queries.
    pub left: Mat<f64>,
    /// Turns the columns of the projection or the keys.
    pub right: Mat<f64>,
}

/// The matrices that turn the heads of one attention block.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    /// For each head, the matrix of the values and that of the projection's columns.
    pub values: Vec<Basis>,
    /// For each head, the matrix of the queries and that of the keys. Empty if they stay as they are.
    pub queries: Vec<Basis>,
}

/// Returns the basis of a head's values from the covariance of its context and the rows of its columns of the
/// projection.
///
/// # Errors
/// Returns [`Code::Internal`] if an eigenvalue decomposition does not converge.
pub fn values(covariance: &Mat<f64>, columns: &[&[f32]]) -> Result<Basis, Failure> {
    let width = covariance.nrows();
    let Roots { root, inverse } = roots(covariance)?;
    let weight = Mat::from_fn(columns.len(), width, |row, column| {
        f64::from(columns[row][column])
    });
    let product = &weight * &root;
    let (directions, _) = eigen(&(product.transpose() * &product))?;
    Ok(Basis {
        left: &inverse * &directions,
        right: &root * &directions,
    })
}

/// Returns the basis of a head's queries and keys from their second moments.
///
/// # Errors
/// See [`values`].
pub fn queries_and_keys(queries: &Mat<f64>, keys: &Mat<f64>) -> Result<Basis, Failure> {
    let (of_queries, of_keys) = (roots(queries)?, roots(keys)?);
    let product = &of_queries.root * &of_keys.root;
    let svd = product.svd().map_err(|_| failed())?;
    let singular = svd.S().column_vector();
    let largest = singular.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    // The matrices `A` and `B` have no inverse of `s`, but the inverse of `A` does, so `s` has a floor.
    let share = |column: usize| singular[column].max(largest * FLOOR).sqrt();
    let (left, right) = (&of_queries.inverse * svd.U(), &of_keys.inverse * svd.V());
    let width = queries.nrows();
    Ok(Basis {
        left: Mat::from_fn(width, width, |row, column| {
            left[(row, column)] * share(column)
        }),
        right: Mat::from_fn(width, width, |row, column| {
            right[(row, column)] * singular[column] / share(column)
        }),
    })
}

/// The square root of a moment and its inverse.
struct Roots {
    root: Mat<f64>,
    inverse: Mat<f64>,
}

fn roots(moment: &Mat<f64>) -> Result<Roots, Failure> {
    let (vectors, values) = eigen(moment)?;
    let largest = values.iter().copied().fold(0.0, f64::max);
    // Without any variance, every direction is as good as another.
    let largest = if largest > 0.0 { largest } else { 1.0 };
    let power = |exponent: f64| {
        let scaled = Mat::from_fn(vectors.nrows(), vectors.ncols(), |row, column| {
            vectors[(row, column)] * values[column].max(largest * FLOOR).powf(exponent)
        });
        &scaled * vectors.transpose()
    };
    Ok(Roots {
        root: power(0.5),
        inverse: power(-0.5),
    })
}

/// Returns the eigenvectors as columns and the eigenvalues of a symmetric matrix, the largest eigenvalue first.
fn eigen(matrix: &Mat<f64>) -> Result<(Mat<f64>, Vec<f64>), Failure> {
    let size = matrix.nrows();
    let found = matrix
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| failed())?;
    let values = found.S().column_vector();
    let vectors = found.U();
    let values = (0..size).rev().map(|index| values[index]).collect();
    let vectors = Mat::from_fn(size, size, |row, column| vectors[(row, size - 1 - column)]);
    Ok((vectors, values))
}

fn failed() -> Failure {
    Failure::new(
        Code::Internal,
        "could not rotate the attention heads: an eigenvalue decomposition did not converge",
    )
}
