//! Error of a projection on the rows that evaluate the fit.

use candle_core::{Result, Tensor};

use super::moments::{self, weigh};
use super::walk::Problem;
use crate::model::nn::linear::Linear;

/// Returns `||Y - projection(X)||^2 / ||Y - mean Y||^2` over these problems, with each token weighted.
pub(super) fn relative_error(problems: &[Problem], projection: &Linear) -> Result<f64> {
    let (mut error, mut weight) = (0.0, 0.0);
    let (mut sum, mut squares): (Option<Tensor>, f64) = (None, 0.0);
    let total =
        |tensor: Tensor| -> Result<f64> { Ok(f64::from(tensor.sum_all()?.to_scalar::<f32>()?)) };
    for problem in problems {
        let weights = problem.weights.as_ref();
        let missed = (&problem.target - projection.forward(&problem.inputs)?)?;
        error += total(weigh(&missed.sqr()?, weights)?)?;
        squares += total(weigh(&problem.target.sqr()?, weights)?)?;
        let here = weigh(&problem.target, weights)?.sum(0)?;
        sum = Some(match sum {
            Some(sum) => (sum + here)?,
            None => here,
        });
        weight += moments::weight(&problem.inputs, weights)?;
    }
    let Some(sum) = sum else { return Ok(0.0) };
    let variance = squares - total(sum.sqr()?)? / weight;
    Ok(error / variance.max(f64::MIN_POSITIVE))
}
