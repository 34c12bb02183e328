//! The backward pass of attention.

use candle_core::{D, Result, Tensor};

use super::attention::{Heads, RowShape, attend_with, by_head, weights_plainly};
use super::bias::{Bias, Terms};
use super::kernel::product::multiply;
use super::kernel::{Path, softmax};
use super::meter;
use super::storage::{on_cpu, read};

/// The result of attention, with the inputs that its backward pass reads.
pub struct TracedAttention {
    /// The context, `[rows, positions, heads * value]`.
    pub value: Tensor,
    /// The queries, `[rows, positions, heads * query]`.
    pub query: Tensor,
    key: Tensor,
    values: Tensor,
    heads: Heads,
    bias: Bias,
}

/// Runs [`attend`](super::attention::attend) and keeps its inputs for the backward pass.
///
/// # Errors
/// Returns an error if shapes do not match.
pub fn traced(query: Tensor, key: Tensor, values: Tensor, heads: Heads) -> Result<TracedAttention> {
    traced_with(query, key, values, heads, Bias::none())
}

/// Runs [`attend_with`] and keeps its inputs for the backward pass, which does not reach the bias.
///
/// # Errors
/// Returns an error if shapes do not match.
pub fn traced_with(
    query: Tensor,
    key: Tensor,
    values: Tensor,
    heads: Heads,
    bias: Bias,
) -> Result<TracedAttention> {
    Ok(TracedAttention {
        value: attend_with(&query, &key, &values, heads, &bias)?,
        query,
        key,
        values,
        heads,
        bias,
    })
}

impl TracedAttention {
    /// Maps a cotangent on the context, `[copies * rows, positions, heads * value]`, to cotangents on query, key and
    /// value, each with `copies` copies of the rows.
    ///
    /// The attention weights are computed again instead of kept in memory, because they are the largest of all
    /// activations. All copies share them.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn pull(&self, cotangent: &Tensor) -> Result<[Tensor; 3]> {
        let (rows, positions, _) = self.query.dims3()?;
        let (length, heads) = (self.values.dim(1)?, self.heads);
        let copies = cotangent.dim(0)? / rows.max(1);
        let zeros = |like: &Tensor| {
            let (_, length, width) = like.dims3()?;
            let shape = (copies * rows, length, width);
            Tensor::zeros(shape, cotangent.dtype(), cotangent.device())
        };
        if cotangent.elem_count() == 0 {
            return Ok([zeros(&self.query)?, zeros(&self.key)?, zeros(&self.values)?]);
        }
        let both = heads.queries() + heads.values();
        meter::count(rows * positions * length * (heads.queries() + 2 * copies * both));
        if !on_cpu(&self.query) {
            return self.pull_plainly(cotangent, copies);
        }
        let shape = RowShape {
            heads,
            positions,
            length,
        };
        let bias = self.bias.read([rows, heads.count, positions, length])?;
        let all = [&self.query, &self.key, &self.values, cotangent];
        let [query, key, value] = read(all, |[query, key, value, cotangent]| {
            back(shape, [query, key, value], &bias, cotangent)
        })?;
        let tensor = |values: Vec<f32>, like: &Tensor| {
            let (_, length, width) = like.dims3()?;
            Tensor::from_vec(values, (copies * rows, length, width), cotangent.device())
        };
        Ok([
            tensor(query, &self.query)?,
            tensor(key, &self.key)?,
            tensor(value, &self.values)?,
        ])
    }

    /// Computes the same as [`pull`](Self::pull) with candle's own operations.
    fn pull_plainly(&self, cotangent: &Tensor, copies: usize) -> Result<[Tensor; 3]> {
        let transposed = |tensor: &Tensor| tensor.transpose(D::Minus1, D::Minus2)?.contiguous();
        // Every copy reads the same activations.
        let of_all = |tensor: Tensor| tensor.repeat((copies, 1, 1, 1));
        let joined = |tensor: Tensor| {
            let (rows, heads, length, width) = tensor.dims4()?;
            let tensor = tensor.transpose(1, 2)?;
            tensor.reshape((rows, length, heads * width))
        };
        let count = self.heads.count;
        let weights = weights_plainly(&self.query, &self.key, self.heads, &self.bias)?;
        let weights = of_all(weights)?;
        let context = by_head(cotangent, count)?;
        let value_back = joined(transposed(&weights)?.matmul(&context)?)?;
        if self.heads.query == 0 {
            let empty = |tensor: &Tensor| tensor.repeat((copies, 1, 1));
            return Ok([empty(&self.query)?, empty(&self.key)?, value_back]);
        }
        let [query, key, values] =
            [&self.query, &self.key, &self.values].map(|tensor| of_all(by_head(tensor, count)?));
        let weights_back = context.matmul(&transposed(&values?)?)?;
        let along = (&weights * &weights_back)?.sum_keepdim(D::Minus1)?;
        let scores = (weights * weights_back.broadcast_sub(&along)?)?;
        let scores = (scores * f64::from(self.heads.scale))?;
        let query_back = scores.matmul(&key?)?;
        let key_back = transposed(&scores)?.matmul(&query?)?;
        Ok([joined(query_back)?, joined(key_back)?, value_back])
    }
}

/// Returns the cotangents on query, key and value.
fn back(
    shape: RowShape,
    [query, key, value]: [&[f32]; 3],
    bias: &Terms,
    cotangent: &[f32],
) -> [Vec<f32>; 3] {
    let RowShape {
        heads,
        positions,
        length,
    } = shape;
    let rows = value.len() / shape.values();
    let copies = cotangent.len() / shape.context();
    let mut query_back = vec![0.0; copies * shape.queries()];
    let mut key_back = vec![0.0; copies * shape.keys()];
    let mut value_back = vec![0.0; copies * shape.values()];
    let mut weights = vec![0.0; positions * length];
    let mut scores = vec![0.0; positions * length];
    for index in 0..rows {
        let row = shape.row(query, key, value, bias, index);
        for head in 0..heads.count {
            row.weights(head, &mut weights);
            for copy in (index..copies).step_by(rows) {
                let context = &cotangent[copy * shape.context()..][..shape.context()];
                let context = shape.of_context(context, head);
                let value_back = &mut value_back[copy * shape.values()..][..shape.values()];
                let value_back = &mut value_back[head * heads.value..];
                let pairs = shape.pairs(&weights).transposed();
                multiply(value_back, heads.values(), pairs, context);
                if heads.query == 0 {
                    continue;
                }
                multiply(&mut scores, length, context, row.value(head).transposed());
                softmax::pull(&mut scores, &weights, length, heads.scale, Path::Fastest);
                let pairs = shape.pairs(&scores);
                let query_back = &mut query_back[copy * shape.queries()..][..shape.queries()];
                let query_back = &mut query_back[head * heads.query..];
                multiply(query_back, heads.queries(), pairs, row.key(head));
                let key_back = &mut key_back[copy * shape.keys()..][..shape.keys()];
                let key_back = &mut key_back[head * heads.query..];
                let pairs = pairs.transposed();
                multiply(key_back, heads.queries(), pairs, row.query(head));
            }
        }
    }
    [query_back, key_back, value_back]
}
