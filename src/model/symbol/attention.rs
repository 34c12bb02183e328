//! Scaled dot-product attention in an ONNX graph.

use candle_core::{Result, Tensor};

use super::rotary::Turns;
use crate::model::nn::attention::Heads;
use crate::model::nn::linear::Linear;
use crate::onnx::graph::Graph;
use crate::onnx::value::Value;

/// The smallest f32 that is finite. Added to the score of padding, it leaves no weight. An infinite number would make a row
/// that is nothing but padding NaN.
pub const LOWEST: f32 = f32::MIN;

/// Numbers that are added to the scores before the softmax.
pub enum Term {
    /// `[rows, heads, queries, keys]`, each size that of the scores or 1.
    Same(Value),
    /// `[windows, 1, queries, keys]`, for rows that are windows: as many as here for each row of a call.
    OfWindows(Value, usize),
}

/// Returns the number to add to the score of each key, from the mask of the padding `[rows, keys]`.
#[must_use]
pub fn of_padding(graph: &mut Graph, mask: &Value) -> Term {
    let (one, lowest) = (graph.float(1.0), graph.float(LOWEST));
    let padding = graph.apply("Sub", &[&one, mask]);
    let numbers = graph.apply("Mul", &[&padding, &lowest]);
    of_keys(graph, &numbers)
}

/// Returns numbers for each key, `[rows, keys]`, as a term.
#[must_use]
pub fn of_keys(graph: &mut Graph, numbers: &Value) -> Term {
    Term::Same(graph.unsqueeze(numbers, &[1, 2]))
}

/// Returns query, key and value. The query contains the scale of the scores. The bias of the keys is left out where it adds the
/// same number to all scores of a query, which it does unless `turns` turn queries and keys by their positions. Heads without
/// queries weigh all keys equally, so they get one query that is zero.
///
/// # Errors
/// Returns an error if the device is out of memory.
pub fn projected(
    graph: &mut Graph,
    [query, key, value]: [&Linear; 3],
    inputs: [&Value; 3],
    heads: Heads,
    turns: Option<[&Turns; 2]>,
) -> Result<[Value; 3]> {
    let (query, key) = match (heads.query, turns) {
        (0, _) => {
            let weight = query.weight();
            let shape = (heads.count, query.inputs());
            let zero = Linear::new(Tensor::zeros(shape, weight.dtype(), weight.device())?, None);
            (zero.clone(), zero)
        }
        (_, None) => (
            query.scaled(f64::from(heads.scale))?,
            Linear::new(key.weight().clone(), None),
        ),
        (_, Some(_)) => (query.scaled(f64::from(heads.scale))?, key.clone()),
    };
    let (query, key) = (query.onnx(graph, inputs[0])?, key.onnx(graph, inputs[1])?);
    let (query, key) = match turns {
        Some([of_queries, of_keys]) => (
            of_queries.turned(graph, &query, heads.count),
            of_keys.turned(graph, &key, heads.count),
        ),
        None => (query, key),
    };
    Ok([query, key, value.onnx(graph, inputs[2])?])
}

/// Writes `softmax(q k^T + terms) v` of each head: [`projected`] queries `[rows, positions, heads * query]`, keys
/// `[rows, length, heads * query]` and values `[rows, length, heads * value]` to `[rows, positions, heads * value]`.
#[must_use]
pub fn attend(
    graph: &mut Graph,
    [query, key, value]: [&Value; 3],
    heads: Heads,
    terms: &[Term],
) -> Value {
    let width = heads.query.max(1);
    let query = by_head(graph, query, heads.count, width, [0, 2, 1, 3]);
    let key = by_head(graph, key, heads.count, width, [0, 2, 3, 1]);
    let value = by_head(graph, value, heads.count, heads.value, [0, 2, 1, 3]);
    let scores = graph.apply("MatMul", &[&query, &key]);
    let scores = terms.iter().fold(scores, |scores, term| match term {
        Term::Same(numbers) => graph.apply("Add", &[&scores, numbers]),
        Term::OfWindows(numbers, windows) => {
            let shape = graph.sizes(&scores, 0..4);
            let rest = graph.sizes(&scores, 1..4);
            let apart = graph.ints(&[-1, *windows as i64]);
            let apart = graph.concat(&[&apart, &rest], 0);
            let scores = graph.apply("Reshape", &[&scores, &apart]);
            let sum = graph.apply("Add", &[&scores, numbers]);
            graph.apply("Reshape", &[&sum, &shape])
        }
    });
    let weights = graph.softmax(&scores);
    let context = graph.apply("MatMul", &[&weights, &value]);
    let context = graph.transpose(&context, &[0, 2, 1, 3]);
    graph.reshape(&context, &[0, 0, heads.values() as i64])
}

/// Divides the channels by head, and gives the dimensions `[rows, positions, heads, width]` another order.
fn by_head(
    graph: &mut Graph,
    stream: &Value,
    heads: usize,
    width: usize,
    order: [i64; 4],
) -> Value {
    let parts = graph.reshape(stream, &[0, 0, heads as i64, width as i64]);
    graph.transpose(&parts, &order)
}

/// Returns a context without channels, that of no heads. No layer reads it.
#[must_use]
pub fn nothing(graph: &mut Graph) -> Value {
    graph.floats(&[1, 1, 0], &[])
}
