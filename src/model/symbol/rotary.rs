//! Rotary positions in an ONNX graph.

use super::range::range;
use crate::model::nn::rotary::Rotary;
use crate::onnx::constant::Element;
use crate::onnx::graph::Graph;
use crate::onnx::value::Value;

/// The turns of some positions, numbered from 0.
#[derive(Clone, Debug)]
pub struct Turns {
    /// Cosine of the angle of each pair, `[positions, 1, pairs]`.
    cosines: Value,
    /// The same of the sine.
    sines: Value,
    /// Number of channels of a head.
    width: i64,
}

impl Turns {
    /// Returns the turns of `length` positions, a whole number `[1]`.
    #[must_use]
    pub fn of(graph: &mut Graph, rotary: &Rotary, length: &Value) -> Self {
        let positions = range(graph, length);
        let positions = graph.cast(&positions, Element::Float);
        let positions = graph.unsqueeze(&positions, &[1, 2]);
        let pairs = rotary.frequencies().len();
        let frequencies = graph.floats(&[1, 1, pairs], rotary.frequencies());
        let angles = graph.apply("Mul", &[&positions, &frequencies]);
        Self {
            cosines: graph.apply("Cos", &[&angles]),
            sines: graph.apply("Sin", &[&angles]),
            width: rotary.width() as i64,
        }
    }

    /// Turns the heads of as many positions: `[rows, positions, heads * width]` to the same shape.
    #[must_use]
    pub fn turned(&self, graph: &mut Graph, states: &Value, heads: usize) -> Value {
        let Self {
            cosines,
            sines,
            width,
        } = self;
        let heads = heads as i64;
        let by_head = graph.reshape(states, &[0, 0, heads, *width]);
        let halves = graph.split(&by_head, &[width / 2, width / 2], 3);
        let [first, second] = [&halves[0], &halves[1]];
        let mut times = |states: &Value, numbers: &Value| graph.apply("Mul", &[states, numbers]);
        let (kept, lost) = (times(first, cosines), times(second, sines));
        let (own, gained) = (times(second, cosines), times(first, sines));
        let first = graph.apply("Sub", &[&kept, &lost]);
        let second = graph.apply("Add", &[&own, &gained]);
        let turned = graph.concat(&[&first, &second], 3);
        graph.reshape(&turned, &[0, 0, heads * width])
    }
}
