//! What follows a matrix product: its bias and an activation, in place, `[rows, width]`.

use pulp::NullaryFnOnce;

use super::elementary::{logistic, normal};
use super::{Path, threads};
use crate::model::nn::activation::Activation;

/// `sqrt(2 / pi)` and the cubic's weight in the tanh form of GELU.
const TANH_SCALE: f32 = 0.797_884_6;
const TANH_CUBIC: f32 = 0.044_715;

/// `values = activation(values + bias)`; without an activation the bias alone.
pub fn add_bias(values: &mut [f32], bias: &[f32], activation: Option<Activation>, path: Path) {
    threads::by_rows(values, bias.len(), |_, values| match activation {
        None => path.run(Biased(values, bias, |x| x)),
        Some(Activation::Gelu) => path.run(Biased(values, bias, gelu)),
        Some(Activation::GeluTanh) => path.run(Biased(values, bias, gelu_tanh)),
        Some(Activation::Relu) => path.run(Biased(values, bias, relu)),
    });
}

/// `values = activation'(values + bias)`.
pub fn add_bias_and_differentiate(
    values: &mut [f32],
    bias: &[f32],
    activation: Activation,
    path: Path,
) {
    threads::by_rows(values, bias.len(), |_, values| match activation {
        Activation::Gelu => path.run(Biased(values, bias, gelu_slope)),
        Activation::GeluTanh => path.run(Biased(values, bias, gelu_tanh_slope)),
        Activation::Relu => path.run(Biased(values, bias, relu_slope)),
    });
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    x * normal(x).0
}

#[inline(always)]
fn gelu_slope(x: f32) -> f32 {
    let (below, density) = normal(x);
    below + x * density
}

/// `x (1 + tanh(u)) / 2` as `x / (1 + e^-2u)`: nothing cancels.
#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    x * logistic(2.0 * TANH_SCALE * (x + TANH_CUBIC * x * x * x))
}

#[inline(always)]
fn gelu_tanh_slope(x: f32) -> f32 {
    let share = logistic(2.0 * TANH_SCALE * (x + TANH_CUBIC * x * x * x));
    let inner = 2.0 * TANH_SCALE * (1.0 + 3.0 * TANH_CUBIC * x * x);
    share + x * share * (1.0 - share) * inner
}

#[inline(always)]
fn relu(x: f32) -> f32 {
    // Not `max`: a NaN must stay one.
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
fn relu_slope(x: f32) -> f32 {
    if x > 0.0 { 1.0 } else { 0.0 }
}

struct Biased<'a, F>(&'a mut [f32], &'a [f32], F);

impl<F: Fn(f32) -> f32> NullaryFnOnce for Biased<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(values, bias, function) = self;
        for row in values.chunks_exact_mut(bias.len()) {
            for (value, bias) in row.iter_mut().zip(bias) {
                *value = function(*value + bias);
            }
        }
    }
}
