//! The order in which the units of a block are removed so that little is lost after a repair.
//!
//! A projection computes `Y = X W`. Let `G` be the centered Gram matrix of its inputs plus a ridge. If the inputs `B` are
//! removed and the other rows of `W` are fitted again, the squared error grows by `tr(W_B^T (G^-1_BB)^-1 W_B)`. The units with
//! the smallest growth are removed, and `W` and `G^-1` become those of the remaining inputs (optimal brain surgeon, Hassibi and
//! Stork 1992; with several inputs per unit as in ZipLM, Kurtic et al. 2023).

use candle_core::Result;
use faer::linalg::matmul::matmul;
use faer::linalg::solvers::{DenseSolveCore, Llt, Solve};
use faer::{Accum, Mat, Side, get_global_parallelism};

use super::super::compensate::moments::Moments;
use crate::model::nn::linear::Linear;
use crate::model::nn::meter;

/// One in this number of the remaining units (rounded up) is removed at once, so that few products of large matrices are needed.
const SHARE: usize = 64;

/// The removal of all units of a block, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Elimination {
    /// The units in the order of their removal.
    pub order: Vec<usize>,
    /// Sum of the squared errors after each removal. It does not fall.
    pub errors: Vec<f64>,
}

/// The remaining problem after some removals.
struct Remaining {
    /// Number of inputs of each unit.
    span: usize,
    /// `G^-1`, zero for removed inputs.
    inverse: Mat<f64>,
    /// The fitted weights `[inputs, outputs]`.
    weights: Mat<f64>,
}

/// Removes all units of a projection. Unit `u` has the inputs `u * span .. (u + 1) * span`. `ridge` is relative to the mean
/// diagonal of the Gram matrix. Nothing is centered for a projection without a bias. Returns `None` if the Gram matrix has no
/// inverse.
///
/// # Errors
/// Does not fail in practice: all shapes come from the model.
pub fn eliminate(
    moments: &Moments,
    projection: &Linear,
    span: usize,
    ridge: f64,
) -> Result<Option<Elimination>> {
    let weights = projection.weight().to_vec2::<f32>()?;
    let is_centered = projection.bias().is_some();
    Ok(Remaining::new(moments, &weights, is_centered, span, ridge).and_then(all_removed))
}

/// Removes unit after unit.
fn all_removed(mut remaining: Remaining) -> Option<Elimination> {
    let mut units: Vec<usize> = (0..remaining.weights.nrows() / remaining.span).collect();
    let mut total = 0.0;
    let (mut order, mut errors) = (Vec::new(), Vec::new());
    while !units.is_empty() {
        let mut growth: Vec<(f64, usize)> = units
            .iter()
            .map(|&unit| Some((remaining.growth(unit)?, unit)))
            .collect::<Option<_>>()?;
        growth.sort_by(|a, b| a.0.total_cmp(&b.0));
        growth.truncate(units.len().div_ceil(SHARE));
        let removed: Vec<usize> = growth.iter().map(|&(_, unit)| unit).collect();
        // Units that are removed together share the growth of the error in proportion to that of each alone.
        let together = remaining.remove(&removed)?;
        let alone: f64 = growth.iter().map(|(alone, _)| alone).sum();
        for (own, unit) in growth {
            let share = match alone > 0.0 {
                true => own / alone,
                false => 1.0 / removed.len() as f64,
            };
            total += together * share;
            order.push(unit);
            errors.push(total);
        }
        units.retain(|unit| !removed.contains(unit));
    }
    Some(Elimination { order, errors })
}

impl Remaining {
    /// Creates the problem with all inputs. `weights` are `[outputs][inputs]`.
    fn new(
        moments: &Moments,
        weights: &[Vec<f32>],
        is_centered: bool,
        span: usize,
        ridge: f64,
    ) -> Option<Self> {
        let inputs = moments.inputs;
        let value = |row: usize, column: usize| {
            let means = moments.input_sum[row] * moments.input_sum[column] / moments.weight;
            moments.gram[row * inputs + column] - if is_centered { means } else { 0.0 }
        };
        let diagonal = (0..inputs).map(|at| value(at, at)).sum::<f64>() / inputs as f64;
        let damping = ridge * diagonal.max(f64::MIN_POSITIVE);
        // The matrix itself is dropped before the inverse is computed.
        let factor = Mat::from_fn(inputs, inputs, |row, column| {
            value(row, column) + if row == column { damping } else { 0.0 }
        })
        .llt(Side::Lower)
        .ok()?;
        Some(Self {
            span,
            inverse: factor.inverse(),
            weights: Mat::from_fn(inputs, weights.len(), |input, output| {
                f64::from(weights[output][input])
            }),
        })
    }

    /// Returns the inputs of these units.
    fn inputs(&self, units: &[usize]) -> Vec<usize> {
        let inputs = units.iter().flat_map(|unit| {
            let first = unit * self.span;
            first..first + self.span
        });
        inputs.collect()
    }

    /// Returns some rows of a matrix.
    fn rows(matrix: &Mat<f64>, rows: &[usize]) -> Mat<f64> {
        Mat::from_fn(rows.len(), matrix.ncols(), |row, column| {
            matrix[(rows[row], column)]
        })
    }

    /// Returns the factor of `G^-1_BB` for the inputs `B`.
    fn within(&self, inputs: &[usize]) -> Option<Llt<f64>> {
        let own = Mat::from_fn(inputs.len(), inputs.len(), |row, column| {
            self.inverse[(inputs[row], inputs[column])]
        });
        own.llt(Side::Lower).ok()
    }

    /// Returns `(G^-1_BB)^-1 W_B`, and by how much the squared error grows if the inputs `B` with this factor are removed.
    fn lost(&self, inputs: &[usize], factor: &Llt<f64>) -> (Mat<f64>, f64) {
        let own = Self::rows(&self.weights, inputs);
        let solved = factor.solve(&own);
        let columns = own.col_iter().zip(solved.col_iter());
        let products = columns.map(|(own, solved)| own.transpose() * solved);
        let growth = products.sum::<f64>().max(0.0);
        (solved, growth)
    }

    /// Returns by how much the squared error grows if this unit is removed.
    fn growth(&self, unit: usize) -> Option<f64> {
        let inputs = self.inputs(&[unit]);
        let factor = self.within(&inputs)?;
        Some(self.lost(&inputs, &factor).1)
    }

    /// Removes these units. Returns by how much the squared error grows.
    fn remove(&mut self, units: &[usize]) -> Option<f64> {
        let inputs = self.inputs(units);
        let factor = self.within(&inputs)?;
        let (own, growth) = self.lost(&inputs, &factor);
        let rows = Self::rows(&self.inverse, &inputs);
        let gain = factor.solve(&rows);
        let (columns, outputs) = (self.weights.nrows(), self.weights.ncols());
        meter::count(columns * inputs.len() * (columns + outputs));
        let threads = get_global_parallelism();
        let left = rows.transpose();
        matmul(&mut self.weights, Accum::Add, left, &own, -1.0, threads);
        matmul(&mut self.inverse, Accum::Add, left, &gain, -1.0, threads);
        for &input in &inputs {
            self.weights.row_mut(input).fill(0.0);
            self.inverse.row_mut(input).fill(0.0);
            self.inverse.col_mut(input).fill(0.0);
        }
        Some(growth)
    }
}
