//! Activations as operators of ONNX.

use std::f64::consts::{FRAC_2_SQRT_PI, SQRT_2};

use super::{
    Activation, GELU_CLIP, GELU_CUBIC, LAPLACE_DEVIATION, LAPLACE_MEAN, LEAK, QUICK_SCALE,
};
use crate::onnx::graph::Graph;
use crate::onnx::node::Attribute;
use crate::onnx::value::Value;

impl Activation {
    /// Writes the function into an ONNX graph.
    #[must_use]
    pub fn onnx(self, graph: &mut Graph, x: &Value) -> Value {
        match self {
            Self::Gelu => gelu(graph, x),
            Self::GeluClipped => {
                let gelu = gelu(graph, x);
                at_most(graph, &gelu, GELU_CLIP)
            }
            Self::GeluTanh => {
                let cube = with_number(graph, "Pow", x, 3.0);
                let cube = with_number(graph, "Mul", &cube, GELU_CUBIC);
                let sum = graph.apply("Add", &[x, &cube]);
                let scale = FRAC_2_SQRT_PI / SQRT_2;
                let inner = with_number(graph, "Mul", &sum, scale);
                let tanh = graph.apply("Tanh", &[&inner]);
                share(graph, x, &tanh)
            }
            Self::HardSwish => graph.apply("HardSwish", &[x]),
            Self::Laplace => {
                let standard = with_number(graph, "Sub", x, LAPLACE_MEAN);
                let standard = with_number(graph, "Div", &standard, LAPLACE_DEVIATION * SQRT_2);
                let erf = graph.apply("Erf", &[&standard]);
                let sum = with_number(graph, "Add", &erf, 1.0);
                with_number(graph, "Mul", &sum, 0.5)
            }
            Self::LeakyRelu => {
                let slope = [("alpha", Attribute::Float(LEAK as f32))];
                graph.apply_with("LeakyRelu", &[x], &slope)
            }
            Self::Linear => x.clone(),
            Self::Mish => {
                let softplus = graph.apply("Softplus", &[x]);
                let tanh = graph.apply("Tanh", &[&softplus]);
                graph.apply("Mul", &[x, &tanh])
            }
            Self::QuickGelu => {
                let scaled = with_number(graph, "Mul", x, QUICK_SCALE);
                let sigmoid = graph.apply("Sigmoid", &[&scaled]);
                graph.apply("Mul", &[x, &sigmoid])
            }
            Self::Relu => graph.apply("Relu", &[x]),
            Self::Relu6 => {
                let (low, high) = (graph.float(0.0), graph.float(6.0));
                graph.apply("Clip", &[x, &low, &high])
            }
            Self::ReluSquared => {
                let relu = graph.apply("Relu", &[x]);
                graph.apply("Mul", &[&relu, &relu])
            }
            Self::Sigmoid => graph.apply("Sigmoid", &[x]),
            Self::Silu => {
                let sigmoid = graph.apply("Sigmoid", &[x]);
                graph.apply("Mul", &[x, &sigmoid])
            }
            Self::SqrtSoftplus => {
                let softplus = graph.apply("Softplus", &[x]);
                graph.apply("Sqrt", &[&softplus])
            }
            Self::Tanh => graph.apply("Tanh", &[x]),
        }
    }
}

/// Applies an operator to a tensor and a number.
fn with_number(graph: &mut Graph, operator: &'static str, x: &Value, number: f64) -> Value {
    let number = graph.float(number as f32);
    graph.apply(operator, &[x, &number])
}

/// Returns `x (1 + part) / 2`.
fn share(graph: &mut Graph, x: &Value, part: &Value) -> Value {
    let sum = with_number(graph, "Add", part, 1.0);
    let product = graph.apply("Mul", &[x, &sum]);
    with_number(graph, "Mul", &product, 0.5)
}

/// The exact GELU. ONNX Runtime replaces this form by a fused operator, and one with a product instead of the quotient not.
fn gelu(graph: &mut Graph, x: &Value) -> Value {
    let scaled = with_number(graph, "Div", x, SQRT_2);
    let erf = graph.apply("Erf", &[&scaled]);
    share(graph, x, &erf)
}

fn at_most(graph: &mut Graph, x: &Value, bound: f64) -> Value {
    let bound = graph.float(bound as f32);
    graph.apply("Min", &[x, &bound])
}
