//! Division of vectors by their length.

use candle_core::{D, Result, Tensor};

use super::traced::{Traced, by_copy};
use crate::onnx::graph::Graph;
use crate::onnx::node::Attribute;
use crate::onnx::value::Value;

/// The smallest length by which a vector is divided, as in torch.
const SHORTEST: f32 = 1e-12;

/// Divides the vectors along the last dimension by their lengths.
///
/// # Errors
/// Returns an error if the tensor has no dimension.
pub fn divided(vectors: &Tensor) -> Result<Tensor> {
    let [units, _] = with_lengths(vectors)?;
    Ok(units)
}

/// Writes the division into an ONNX graph.
#[must_use]
pub fn onnx(graph: &mut Graph, vectors: &Value) -> Value {
    let along = [
        ("axes", Attribute::Ints(&[-1])),
        ("keepdims", Attribute::Int(1)),
    ];
    let lengths = graph.apply_with("ReduceL2", &[vectors], &along);
    let shortest = graph.float(SHORTEST);
    let lengths = graph.apply("Max", &[&lengths, &shortest]);
    graph.apply("Div", &[vectors, &lengths])
}

/// Computes the same as [`divided`], with a pullback.
///
/// # Errors
/// Returns an error if the tensor has no dimension.
pub fn traced(vectors: &Tensor) -> Result<Traced> {
    let [units, lengths] = with_lengths(vectors)?;
    Ok(Traced {
        value: units.clone(),
        pull: Box::new(move |cotangent| {
            let given = by_copy(&cotangent, &units)?;
            let along = given.broadcast_mul(&units)?.sum_keepdim(D::Minus1)?;
            let across = (&given - along.broadcast_mul(&units)?)?;
            across.broadcast_div(&lengths)?.reshape(cotangent.shape())
        }),
    })
}

/// Returns the vectors of unit length, and the lengths of the given ones.
fn with_lengths(vectors: &Tensor) -> Result<[Tensor; 2]> {
    let lengths = vectors.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
    let lengths = lengths.maximum(SHORTEST)?;
    Ok([vectors.broadcast_div(&lengths)?, lengths])
}
