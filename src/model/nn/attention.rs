//! Scaled dot-product attention over rows of one length.

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::kernel::product::{View, multiply};
use super::kernel::{Path, softmax};
use super::meter;
use super::storage::{on_cpu, slice};

/// Computes `softmax(q k^T / sqrt(head_dim)) v` for each head. All tensors are `[rows, length, heads * head_dim]`.
/// Rows have no padding, so there is no attention mask.
///
/// # Errors
/// Returns an error if shapes do not match.
pub fn attend(query: &Tensor, key: &Tensor, value: &Tensor, head_dim: usize) -> Result<Tensor> {
    let (rows, length, width) = query.dims3()?;
    if query.elem_count() == 0 {
        return Ok(query.clone());
    }
    meter::count(2 * rows * length * length * width);
    if on_cpu(query) {
        return query.apply_op3_no_bwd(key, value, &Attention { head_dim });
    }
    attend_plainly(query, key, value, head_dim)
}

/// Computes the same as [`attend`] with candle's own operations.
///
/// # Errors
/// Returns an error if shapes do not match.
pub fn attend_plainly(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    head_dim: usize,
) -> Result<Tensor> {
    let (rows, length, width) = query.dims3()?;
    let weights = weights_plainly(query, key, head_dim)?;
    let context = weights.matmul(&by_head(value, head_dim)?)?;
    context.transpose(1, 2)?.reshape((rows, length, width))
}

/// Returns `softmax(q k^T / sqrt(head_dim))`, `[rows, heads, length, length]`.
pub(super) fn weights_plainly(query: &Tensor, key: &Tensor, head_dim: usize) -> Result<Tensor> {
    let query = (by_head(query, head_dim)? * (head_dim as f64).powf(-0.5))?;
    let key = by_head(key, head_dim)?;
    candle_nn::ops::softmax_last_dim(&query.matmul(&key.transpose(D::Minus1, D::Minus2)?)?)
}

/// Separates the heads: `[rows, length, heads * head_dim]` to `[rows, heads, length, head_dim]`.
pub(super) fn by_head(tensor: &Tensor, head_dim: usize) -> Result<Tensor> {
    let (rows, length, width) = tensor.dims3()?;
    let heads = tensor.reshape((rows, length, width / head_dim, head_dim))?;
    heads.transpose(1, 2)?.contiguous()
}

struct Attention {
    head_dim: usize,
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        query: &CpuStorage,
        layout: &Layout,
        key: &CpuStorage,
        key_layout: &Layout,
        value: &CpuStorage,
        value_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, length, width) = layout.shape().dims3()?;
        let fits = key_layout.shape() == layout.shape() && value_layout.shape() == layout.shape();
        if !fits || !width.is_multiple_of(self.head_dim) {
            candle_core::bail!("the shapes of query, key and value do not match");
        }
        let shape = HeadShape {
            length,
            width,
            head_dim: self.head_dim,
        };
        let (query, key) = (slice(query, layout)?, slice(key, key_layout)?);
        let value = slice(value, value_layout)?;
        let mut context = vec![0.0; query.len()];
        let row_size = length * width;
        // Rows run in parallel and each product on one thread, because the products are too small to divide.
        let rows = context.par_chunks_mut(row_size).enumerate();
        rows.for_each_init(
            || vec![0.0; length * length],
            |weights, (row, context)| {
                let own = row * row_size..(row + 1) * row_size;
                let (query, key) = (&query[own.clone()], &key[own.clone()]);
                attend_row(shape, query, key, &value[own], context, weights);
            },
        );
        Ok((CpuStorage::F32(context), layout.shape().clone()))
    }
}

/// Layout of the heads in a row `[length, heads * head_dim]`.
#[derive(Clone, Copy)]
pub(super) struct HeadShape {
    pub(super) length: usize,
    pub(super) width: usize,
    pub(super) head_dim: usize,
}

impl HeadShape {
    /// Returns the first column of each head.
    pub(super) fn heads(self) -> impl Iterator<Item = usize> {
        (0..self.width).step_by(self.head_dim)
    }

    /// Returns `1 / sqrt(head_dim)`.
    pub(super) fn scale(self) -> f32 {
        (self.head_dim as f32).sqrt().recip()
    }

    /// Returns a view of the head whose first column is `column`, `[length, head_dim]`.
    pub(super) fn head(self, row: &[f32], column: usize) -> View<'_> {
        View::rows_of(&row[column..], self.length, self.head_dim, self.width)
    }

    /// Returns a view of a matrix over pairs of positions, `[length, length]`.
    pub(super) fn pairs(self, values: &[f32]) -> View<'_> {
        View::rows_of(values, self.length, self.length, self.length)
    }

    /// Writes `softmax(q k^T / sqrt(head_dim))` of one head to `weights` `[length, length]`.
    pub(super) fn weights(self, query: &[f32], key: &[f32], column: usize, weights: &mut [f32]) {
        let (query, key) = (self.head(query, column), self.head(key, column));
        multiply(weights, self.length, query, key.transposed());
        softmax::softmax(weights, self.length, self.scale(), Path::Fastest);
    }
}

fn attend_row(
    shape: HeadShape,
    query: &[f32],
    key: &[f32],
    value: &[f32],
    context: &mut [f32],
    weights: &mut [f32],
) {
    for column in shape.heads() {
        shape.weights(query, key, column, weights);
        let (weights, value) = (shape.pairs(weights), shape.head(value, column));
        multiply(&mut context[column..], shape.width, weights, value);
    }
}
