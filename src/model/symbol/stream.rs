//! A stream in an ONNX graph, as rows of positions or as planes.
//!
//! Convolutions of ONNX read `[rows, channels, height, width]`, and everything else is simpler with channels last. A stream
//! changes its form only where a layer needs the other one, so a convolutional network is written without rearrangements.

use crate::onnx::graph::Graph;
use crate::onnx::value::Value;

/// A tensor, and the order of its dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stream {
    /// `[rows, positions, channels]`.
    Positions(Value),
    /// `[rows, channels, height, width]`.
    Planes(Value),
}

impl Stream {
    /// Returns the stream as `[rows, positions, channels]`.
    #[must_use]
    pub fn positions(&self, graph: &mut Graph) -> Value {
        match self {
            Self::Positions(value) => value.clone(),
            Self::Planes(value) => {
                let flat = graph.reshape(value, &[0, 0, -1]);
                turned(graph, &flat)
            }
        }
    }

    /// Returns the stream as `[rows, channels, height, width]`. Its positions are the pixels of a map of this size.
    #[must_use]
    pub fn planes(&self, graph: &mut Graph, [height, width]: [usize; 2]) -> Value {
        match self {
            Self::Planes(value) => value.clone(),
            Self::Positions(value) => {
                let turned = turned(graph, value);
                graph.reshape(&turned, &[0, 0, height as i64, width as i64])
            }
        }
    }

    /// Applies an operator to each element.
    #[must_use]
    pub fn map(&self, step: impl FnOnce(&Value) -> Value) -> Self {
        match self {
            Self::Positions(value) => Self::Positions(step(value)),
            Self::Planes(value) => Self::Planes(step(value)),
        }
    }

    /// Adds another stream of the same shape.
    #[must_use]
    pub fn plus(&self, graph: &mut Graph, other: &Self) -> Self {
        match (self, other) {
            (Self::Planes(left), Self::Planes(right)) => {
                Self::Planes(graph.apply("Add", &[left, right]))
            }
            _ => {
                let (left, right) = (self.positions(graph), other.positions(graph));
                Self::Positions(graph.apply("Add", &[&left, &right]))
            }
        }
    }
}

/// Exchanges the last two of three dimensions.
fn turned(graph: &mut Graph, value: &Value) -> Value {
    graph.transpose(value, &[0, 2, 1])
}
