//! Merging of similar positions in an ONNX graph. See [`Merge`](crate::model::layer::merge::Merge) for the method.

use crate::onnx::graph::Graph;
use crate::onnx::node::Attribute;
use crate::onnx::value::Value;

/// The positions of a row, as they are divided and merged.
#[derive(Clone, Copy, Debug)]
pub struct Division {
    /// Number of positions before those that can be merged.
    pub lead: usize,
    /// Number of positions of the first set.
    pub first: usize,
    /// Number of positions of the second set.
    pub second: usize,
    /// Number of pairs that are merged, at least 1.
    pub pairs: usize,
    /// Number of channels of a position.
    pub channels: usize,
}

/// Writes the merging of positions `[rows, positions, channels]` with these sizes, `[rows, positions]`. Returns the new
/// positions and their sizes.
#[must_use]
pub fn merge(
    graph: &mut Graph,
    stream: &Value,
    sizes: &Value,
    division: Division,
    epsilon: f32,
) -> [Value; 2] {
    let Division {
        lead,
        first,
        pairs,
        channels,
        ..
    } = division;
    let (merged, left, partners) = chosen(graph, stream, division, epsilon);
    let weights = graph.unsqueeze(sizes, &[2]);
    let weighted = graph.apply("Mul", &[stream, &weights]);
    let joined = |graph: &mut Graph, all: &Value, width: usize| -> Value {
        let leading = every(graph, all, 0, lead, 1);
        let own = every(graph, all, lead, usize::MAX, 2);
        let others = every(graph, all, lead + 1, usize::MAX, 2);
        let rest = read(graph, &own, &left, first - pairs, width);
        let moved = read(graph, &own, &merged, pairs, width);
        let targets = wide(graph, &partners, pairs, width);
        let add = [
            ("axis", Attribute::Int(1)),
            ("reduction", Attribute::Text("add")),
        ];
        let sums = graph.apply_with("ScatterElements", &[&others, &targets, &moved], &add);
        let parts: Vec<&Value> = match lead {
            0 => vec![&rest, &sums],
            _ => vec![&leading, &rest, &sums],
        };
        graph.concat(&parts, 1)
    };
    let sums = joined(graph, &weighted, channels);
    let sizes = joined(graph, &weights, 1);
    let means = graph.apply("Div", &[&sums, &sizes]);
    let flat = graph.squeeze(&sizes, &[2]);
    [means, flat]
}

/// Returns the positions of the first set that are merged, those that are left, and the partners of the former, each
/// `[rows, count]`.
fn chosen(
    graph: &mut Graph,
    stream: &Value,
    division: Division,
    epsilon: f32,
) -> (Value, Value, Value) {
    let Division {
        lead, first, pairs, ..
    } = division;
    let along = [
        ("axes", Attribute::Ints(&[-1])),
        ("keepdims", Attribute::Int(1)),
    ];
    let lengths = graph.apply_with("ReduceL2", &[stream], &along);
    let epsilon = graph.float(epsilon);
    let lengths = graph.apply("Add", &[&lengths, &epsilon]);
    let units = graph.apply("Div", &[stream, &lengths]);
    let own = every(graph, &units, lead, usize::MAX, 2);
    let others = every(graph, &units, lead + 1, usize::MAX, 2);
    let others = graph.transpose(&others, &[0, 2, 1]);
    let similar = graph.apply("MatMul", &[&own, &others]);
    let last = [
        ("axis", Attribute::Int(-1)),
        ("keepdims", Attribute::Int(0)),
    ];
    let partners = graph.apply_with("ArgMax", &[&similar], &last);
    let along = [
        ("axes", Attribute::Ints(&[-1])),
        ("keepdims", Attribute::Int(0)),
    ];
    let best = graph.apply_with("ReduceMax", &[&similar], &along);
    let all = graph.ints(&[first as i64]);
    let [_, order] = graph.results("TopK", &[Some(&best), Some(&all)], &[]);
    let merged = every(graph, &order, 0, pairs, 1);
    let left = every(graph, &order, pairs, first, 1);
    // What is left keeps its order.
    let count = graph.ints(&[(first - pairs) as i64]);
    let ascending = [("largest", Attribute::Int(0))];
    let [left, _] = graph.results("TopK", &[Some(&left), Some(&count)], &ascending);
    let last = [("axis", Attribute::Int(1))];
    let partners = graph.apply_with("GatherElements", &[&partners, &merged], &last);
    (merged, left, partners)
}

/// Returns each `step`-th position from `first` to before `end`.
fn every(graph: &mut Graph, all: &Value, first: usize, end: usize, step: usize) -> Value {
    let end = i64::try_from(end).unwrap_or(i64::MAX);
    graph.slice(all, 1, first as i64..end, step as i64)
}

/// Repeats indices `[rows, count]` for each channel.
fn wide(graph: &mut Graph, indices: &Value, count: usize, channels: usize) -> Value {
    let indices = graph.unsqueeze(indices, &[2]);
    let shape = graph.ints(&[1, count as i64, channels as i64]);
    graph.apply("Expand", &[&indices, &shape])
}

/// Reads positions by their indices `[rows, count]`.
fn read(graph: &mut Graph, all: &Value, indices: &Value, count: usize, channels: usize) -> Value {
    let indices = wide(graph, indices, count, channels);
    graph.apply_with(
        "GatherElements",
        &[all, &indices],
        &[("axis", Attribute::Int(1))],
    )
}
