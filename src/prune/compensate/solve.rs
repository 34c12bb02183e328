//! Least squares with a ridge toward given weights, in f64.

use candle_core::Tensor;
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};

use super::super::failure::Failure;
use super::moments::Moments;
use crate::model::nn::linear::Linear;

/// Number of attempts. After each attempt in which the matrix is not positive definite, the ridge grows tenfold.
const ATTEMPTS: i32 = 4;

/// Minimizes `sum_t ||y_t - W x_t - b||^2 + rho ||W - W0||^2` with `rho = ridge * mean diag(X^T X)`.
///
/// With centered inputs and targets, the solution is `W = (X^T X + rho I)^-1 (X^T Y + rho W0^T)` and
/// `b = mean y - W mean x`. If the original has no bias, `b` is 0 and nothing is centered. Returns `None` if the system cannot
/// be solved with any of the tried ridges. Fits only the bias if the moments hold no products of inputs.
///
/// # Errors
/// Does not fail in practice: all shapes come from the data.
pub fn solve(moments: &Moments, original: &Linear, ridge: f64) -> Result<Option<Linear>, Failure> {
    let Moments {
        inputs, outputs, ..
    } = *moments;
    if moments.gram.is_empty() {
        return solve_bias(moments, original);
    }
    let count = moments.weight.max(f64::MIN_POSITIVE);
    let centre = |sums: &[f64]| match original.bias() {
        Some(_) => mean(sums, count),
        None => vec![0.0; sums.len()],
    };
    let input_mean = centre(&moments.input_sum);
    let target_mean = centre(&moments.target_sum);
    let centred = |row: usize, column: usize| {
        moments.gram[row * inputs + column] - count * input_mean[row] * input_mean[column]
    };
    let diagonal = (0..inputs).map(|index| centred(index, index)).sum::<f64>() / inputs as f64;
    let device = original.weight().device();
    let start = original.weight().to_vec2::<f32>()?;
    for attempt in 0..ATTEMPTS {
        let rho = ridge * diagonal.max(f64::MIN_POSITIVE) * 10f64.powi(attempt);
        let system = Mat::from_fn(inputs, inputs, |row, column| {
            centred(row, column) + if row == column { rho } else { 0.0 }
        });
        let Ok(factor) = system.llt(Side::Lower) else {
            continue;
        };
        let right = Mat::from_fn(inputs, outputs, |input, output| {
            let cross = moments.cross[input * outputs + output]
                - count * input_mean[input] * target_mean[output];
            cross + rho * f64::from(start[output][input])
        });
        let solution = factor.solve(&right);
        let weight = (0..outputs).flat_map(|output| (0..inputs).map(move |input| (input, output)));
        let weight: Vec<f32> = weight
            .map(|(input, output)| solution[(input, output)] as f32)
            .collect();
        let bias = (0..outputs).map(|output| {
            let from_inputs: f64 = (0..inputs)
                .map(|input| solution[(input, output)] * input_mean[input])
                .sum();
            (target_mean[output] - from_inputs) as f32
        });
        let bias_values: Vec<f32> = bias.collect();
        if weight
            .iter()
            .chain(&bias_values)
            .all(|value| value.is_finite())
        {
            let weight = Tensor::from_vec(weight, (outputs, inputs), device)?;
            let bias = original.bias();
            let bias = bias.map(|_| Tensor::from_vec(bias_values, outputs, device));
            return Ok(Some(Linear::new(weight, bias.transpose()?)));
        }
    }
    Ok(None)
}

/// Fits only the bias: `b = mean y - W mean x`. Returns `None` if the original has no bias.
///
/// # Errors
/// Does not fail in practice: all shapes come from the data.
pub fn solve_bias(moments: &Moments, original: &Linear) -> Result<Option<Linear>, Failure> {
    if original.bias().is_none() {
        return Ok(None);
    }
    let count = moments.weight.max(f64::MIN_POSITIVE);
    let input_mean = mean(&moments.input_sum, count);
    let weight = original.weight().to_vec2::<f32>()?;
    let outputs = mean(&moments.target_sum, count).into_iter().zip(&weight);
    let bias: Vec<f32> = outputs
        .map(|(target, row)| {
            let from_inputs = row.iter().zip(&input_mean);
            let from_inputs: f64 = from_inputs.map(|(&w, mean)| f64::from(w) * mean).sum();
            (target - from_inputs) as f32
        })
        .collect();
    let bias = Tensor::from_vec(bias, moments.outputs, original.weight().device())?;
    Ok(Some(Linear::new(original.weight().clone(), bias)))
}

fn mean(sums: &[f64], weight: f64) -> Vec<f64> {
    sums.iter().map(|sum| sum / weight).collect()
}
