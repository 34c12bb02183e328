//! Numbers of positions in an ONNX graph.

use crate::onnx::graph::Graph;
use crate::onnx::value::Value;

/// Returns the whole numbers from 0 to `length - 1`. `length` is `[1]`.
#[must_use]
pub fn range(graph: &mut Graph, length: &Value) -> Value {
    let length = graph.squeeze(length, &[0]);
    let (zero, one) = (graph.table(&[], &[0]), graph.table(&[], &[1]));
    graph.apply("Range", &[&zero, &length, &one])
}
