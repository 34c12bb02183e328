//! The backward pass of attention.

use candle_core::{D, Result, Tensor};

use super::attention::{HeadShape, attend, by_head, weights_plainly};
use super::kernel::product::{View, multiply};
use super::kernel::{Path, softmax};
use super::meter;
use super::storage::{on_cpu, read};

/// The result of attention, with the inputs that its backward pass reads.
pub struct TracedAttention {
    /// The context, `[rows, length, heads * head_dim]`.
    pub value: Tensor,
    query: Tensor,
    key: Tensor,
    values: Tensor,
    head_dim: usize,
}

/// Runs [`attend`] and keeps its inputs for the backward pass.
///
/// # Errors
/// Returns an error if shapes do not match.
pub fn traced(
    query: Tensor,
    key: Tensor,
    values: Tensor,
    head_dim: usize,
) -> Result<TracedAttention> {
    Ok(TracedAttention {
        value: attend(&query, &key, &values, head_dim)?,
        query,
        key,
        values,
        head_dim,
    })
}

impl TracedAttention {
    /// Maps a cotangent on the context, `[copies * rows, length, heads * head_dim]`, to cotangents on query,
    /// key and value, of the same shape.
    ///
    /// The attention weights are computed again instead of kept in memory, because they are the largest of all
    /// activations. All copies share them.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn pull(&self, cotangent: &Tensor) -> Result<[Tensor; 3]> {
        let (rows, length, width) = self.query.dims3()?;
        if cotangent.elem_count() == 0 {
            return Ok([cotangent.clone(), cotangent.clone(), cotangent.clone()]);
        }
        let shape = HeadShape {
            length,
            width,
            head_dim: self.head_dim,
        };
        let copies = cotangent.elem_count() / self.query.elem_count();
        meter::count((4 * copies + 1) * rows * length * length * width);
        if !on_cpu(&self.query) {
            return self.pull_plainly(cotangent, copies);
        }
        let all = [&self.query, &self.key, &self.values, cotangent];
        let answers = read(all, |[query, key, value, cotangent]| {
            let inputs = Inputs { query, key, value };
            back(shape, inputs, cotangent)
        })?;
        let mut tensors = Vec::with_capacity(3);
        for values in answers {
            tensors.push(Tensor::from_vec(
                values,
                cotangent.shape(),
                cotangent.device(),
            )?);
        }
        Ok(<[Tensor; 3]>::try_from(tensors).expect("the list has three tensors"))
    }
}

impl TracedAttention {
    /// Computes the same as [`pull`](Self::pull) with candle's own operations.
    fn pull_plainly(&self, cotangent: &Tensor, copies: usize) -> Result<[Tensor; 3]> {
        let transposed = |tensor: &Tensor| tensor.transpose(D::Minus1, D::Minus2)?.contiguous();
        // Every copy reads the same activations.
        let of_all = |tensor: Tensor| tensor.repeat((copies, 1, 1, 1));
        let head_dim = self.head_dim;
        let weights = of_all(weights_plainly(&self.query, &self.key, head_dim)?)?;
        let [query, key, values] =
            [&self.query, &self.key, &self.values].map(|tensor| of_all(by_head(tensor, head_dim)?));
        let context = by_head(cotangent, head_dim)?;
        let value_back = transposed(&weights)?.matmul(&context)?;
        let weights_back = context.matmul(&transposed(&values?)?)?;
        let along = (&weights * &weights_back)?.sum_keepdim(D::Minus1)?;
        let scores = (weights * weights_back.broadcast_sub(&along)?)?;
        let scores = (scores * (head_dim as f64).powf(-0.5))?;
        let query_back = scores.matmul(&key?)?;
        let key_back = transposed(&scores)?.matmul(&query?)?;
        let joined = |tensor: Tensor| tensor.transpose(1, 2)?.reshape(cotangent.shape());
        Ok([joined(query_back)?, joined(key_back)?, joined(value_back)?])
    }
}

/// Query, key and value of all rows, `[rows, length, width]` each.
struct Inputs<'a> {
    query: &'a [f32],
    key: &'a [f32],
    value: &'a [f32],
}

fn back(shape: HeadShape, inputs: Inputs<'_>, cotangent: &[f32]) -> [Vec<f32>; 3] {
    let HeadShape {
        length,
        width,
        head_dim,
    } = shape;
    let row_size = length * width;
    let mut answers = [(); 3].map(|()| vec![0.0; cotangent.len()]);
    let [query_back, key_back, value_back] = &mut answers;
    let mut weights = vec![0.0; length * length];
    let mut scores = vec![0.0; length * length];
    for row in (0..inputs.query.len()).step_by(row_size) {
        let own = row..row + row_size;
        let (query, key) = (&inputs.query[own.clone()], &inputs.key[own.clone()]);
        let value = &inputs.value[own];
        for column in shape.heads() {
            shape.weights(query, key, column, &mut weights);
            for copy in (row..cotangent.len()).step_by(inputs.query.len()) {
                let at = copy + column;
                let rest = copy + row_size;
                let context = View::rows_of(&cotangent[at..rest], length, head_dim, width);
                let (weights_view, value) = (shape.pairs(&weights), shape.head(value, column));
                let transposed = weights_view.transposed();
                multiply(&mut value_back[at..rest], width, transposed, context);
                multiply(&mut scores, length, context, value.transposed());
                softmax::pull(&mut scores, &weights, length, shape.scale(), Path::Fastest);
                let scores = shape.pairs(&scores);
                let (query, key) = (shape.head(query, column), shape.head(key, column));
                multiply(&mut query_back[at..rest], width, scores, key);
                multiply(&mut key_back[at..rest], width, scores.transposed(), query);
            }
        }
    }
    answers
}
