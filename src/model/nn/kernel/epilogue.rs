//! The steps after a matrix product `[rows, width]`: the bias and an activation, in place.

use pulp::NullaryFnOnce;

use super::{Path, curve, elementary, threads};
use crate::model::nn::activation::Activation;

/// Computes `values = activation(values + bias)`. Without an activation, it only adds the bias.
pub fn add_bias(values: &mut [f32], bias: &[f32], activation: Option<Activation>, path: Path) {
    let activation = activation.unwrap_or(Activation::Linear);
    add_bias_then(Part::Value, values, bias, activation, path);
}

/// Computes `values = activation'(values + bias)`.
pub fn add_bias_and_differentiate(
    values: &mut [f32],
    bias: &[f32],
    activation: Activation,
    path: Path,
) {
    add_bias_then(Part::Slope, values, bias, activation, path);
}

/// Whether the value or the derivative of a function is computed.
#[derive(Clone, Copy)]
enum Part {
    Value,
    Slope,
}

/// Adds the bias and applies the function. The function is selected outside the loop, so that each function has its own
/// loop.
fn add_bias_then(part: Part, values: &mut [f32], bias: &[f32], activation: Activation, path: Path) {
    threads::by_rows(values, bias.len(), |_, values| {
        let rows = Rows(part, values, bias, path);
        match activation {
            Activation::Gelu => rows.run(curve::gelu, curve::gelu_slope),
            Activation::GeluClipped => rows.run(curve::gelu_clipped, curve::gelu_clipped_slope),
            Activation::GeluTanh => rows.run(curve::gelu_tanh, curve::gelu_tanh_slope),
            Activation::HardSwish => rows.run(curve::hard_swish, curve::hard_swish_slope),
            Activation::Laplace => rows.run(curve::laplace, curve::laplace_slope),
            Activation::LeakyRelu => rows.run(curve::leaky_relu, curve::leaky_relu_slope),
            Activation::Linear => rows.run(|x| x, |_| 1.0),
            Activation::Mish => rows.run(curve::mish, curve::mish_slope),
            Activation::QuickGelu => rows.run(curve::quick_gelu, curve::quick_gelu_slope),
            Activation::Relu => rows.run(curve::relu, curve::relu_slope),
            Activation::Relu6 => rows.run(curve::relu6, curve::relu6_slope),
            Activation::ReluSquared => rows.run(curve::relu_squared, curve::relu_squared_slope),
            Activation::Sigmoid => rows.run(elementary::logistic, curve::sigmoid_slope),
            Activation::Silu => rows.run(curve::silu, curve::silu_slope),
            Activation::SqrtSoftplus => rows.run(curve::sqrt_softplus, curve::sqrt_softplus_slope),
            Activation::Tanh => rows.run(elementary::tanh, curve::tanh_slope),
        }
    });
}

struct Rows<'a>(Part, &'a mut [f32], &'a [f32], Path);

impl Rows<'_> {
    fn run(self, value: impl Fn(f32) -> f32, slope: impl Fn(f32) -> f32) {
        let Self(part, values, bias, path) = self;
        match part {
            Part::Value => path.run(Biased(values, bias, value)),
            Part::Slope => path.run(Biased(values, bias, slope)),
        }
    }
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
