//! Scaled dot-product attention over rows of one length.

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::bias::{Bias, Terms};
use super::kernel::product::{View, multiply};
use super::kernel::{Path, softmax};
use super::meter;
use super::storage::{on_cpu, slice};

/// Sizes of the heads of an attention. All heads have the same sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heads {
    /// Number of heads.
    pub count: usize,
    /// Channels of the queries of a head, and of its keys. With 0 channels, a head weighs all positions equally.
    pub query: usize,
    /// Channels of the values of a head.
    pub value: usize,
    /// Factor of the products of queries and keys.
    pub scale: f32,
}

impl Heads {
    /// Returns heads whose queries and values have `channels` channels, with the usual scale `1 / sqrt(channels)`.
    #[must_use]
    pub fn whole(count: usize, channels: usize) -> Self {
        Self {
            count,
            query: channels,
            value: channels,
            scale: (channels as f32).sqrt().recip(),
        }
    }

    /// Returns the channels of the queries of all heads.
    #[must_use]
    pub fn queries(self) -> usize {
        self.count * self.query
    }

    /// Returns the channels of the values of all heads.
    #[must_use]
    pub fn values(self) -> usize {
        self.count * self.value
    }
}

/// Computes `softmax(scale q k^T) v` for each head. Queries are `[rows, positions, heads * query]`, keys
/// `[rows, length, heads * query]`, and values `[rows, length, heads * value]`. The result is
/// `[rows, positions, heads * value]`. Rows have no padding, so there is no attention mask.
///
/// # Errors
/// Returns an error if shapes do not match.
pub fn attend(query: &Tensor, key: &Tensor, value: &Tensor, heads: Heads) -> Result<Tensor> {
    attend_with(query, key, value, heads, &Bias::none())
}

/// Computes `softmax(scale q k^T + bias) v` for each head. See [`attend`].
///
/// # Errors
/// Returns an error if shapes do not match.
pub fn attend_with(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    heads: Heads,
    bias: &Bias,
) -> Result<Tensor> {
    let (rows, positions, _) = query.dims3()?;
    let length = value.dim(1)?;
    if rows * positions * heads.values() == 0 {
        return Tensor::zeros(
            (rows, positions, heads.values()),
            query.dtype(),
            query.device(),
        );
    }
    meter::count(rows * positions * length * (heads.queries() + heads.values()));
    if on_cpu(query) {
        let bias = bias.read([rows, heads.count, positions, length])?;
        return query.apply_op3_no_bwd(key, value, &Attention { heads, bias });
    }
    attend_plainly(query, key, value, heads, bias)
}

/// Computes the same as [`attend_with`] with candle's own operations.
///
/// # Errors
/// Returns an error if shapes do not match.
pub fn attend_plainly(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    heads: Heads,
    bias: &Bias,
) -> Result<Tensor> {
    let (rows, positions, _) = query.dims3()?;
    let weights = weights_plainly(query, key, heads, bias)?;
    let context = weights.matmul(&by_head(value, heads.count)?)?;
    let context = context.transpose(1, 2)?;
    context.reshape((rows, positions, heads.values()))
}

/// Returns `softmax(scale q k^T + bias)`, `[rows, heads, positions, length]`.
pub(super) fn weights_plainly(
    query: &Tensor,
    key: &Tensor,
    heads: Heads,
    bias: &Bias,
) -> Result<Tensor> {
    let (rows, positions, _) = query.dims3()?;
    let scores = match heads.query {
        0 => {
            let shape = (rows, heads.count, positions, key.dim(1)?);
            Tensor::zeros(shape, query.dtype(), query.device())?
        }
        _ => {
            let query = (by_head(query, heads.count)? * f64::from(heads.scale))?;
            let key = by_head(key, heads.count)?;
            query.matmul(&key.transpose(D::Minus1, D::Minus2)?)?
        }
    };
    candle_nn::ops::softmax_last_dim(&bias.add_plainly(scores)?)
}

/// Separates the heads: `[rows, length, heads * channels]` to `[rows, heads, length, channels]`.
pub(super) fn by_head(tensor: &Tensor, heads: usize) -> Result<Tensor> {
    let (rows, length, width) = tensor.dims3()?;
    let heads = tensor.reshape((rows, length, heads, width / heads))?;
    heads.transpose(1, 2)?.contiguous()
}

struct Attention {
    heads: Heads,
    bias: Terms,
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
        let (heads, (rows, positions, _)) = (self.heads, layout.shape().dims3()?);
        let length = value_layout.shape().dims3()?.1;
        let fits = [
            (layout, [rows, positions, heads.queries()]),
            (key_layout, [rows, length, heads.queries()]),
            (value_layout, [rows, length, heads.values()]),
        ];
        if fits.iter().any(|(layout, shape)| layout.dims() != shape) {
            candle_core::bail!("the shapes of query, key and value do not match");
        }
        let shape = RowShape {
            heads,
            positions,
            length,
        };
        let (query, key) = (slice(query, layout)?, slice(key, key_layout)?);
        let value = slice(value, value_layout)?;
        let mut context = vec![0.0; rows * shape.context()];
        // Rows run in parallel and each product on one thread, because the products are too small to divide.
        let of_rows = context.par_chunks_mut(shape.context()).enumerate();
        of_rows.for_each_init(
            || vec![0.0; positions * length],
            |weights, (row, context)| {
                let row = shape.row(query, key, value, &self.bias, row);
                for head in 0..heads.count {
                    row.weights(head, weights);
                    let context = &mut context[head * heads.value..];
                    let weights = shape.pairs(weights);
                    multiply(context, heads.values(), weights, row.value(head));
                }
            },
        );
        let shape = Shape::from((rows, positions, heads.values()));
        Ok((CpuStorage::F32(context), shape))
    }
}

/// Shapes of the queries, keys and values of one row.
#[derive(Clone, Copy)]
pub(super) struct RowShape {
    pub(super) heads: Heads,
    /// Number of positions of the queries.
    pub(super) positions: usize,
    /// Number of positions of the keys and values.
    pub(super) length: usize,
}

impl RowShape {
    /// Returns the number of queries: positions times channels.
    pub(super) fn queries(self) -> usize {
        self.positions * self.heads.queries()
    }

    /// Returns the number of keys: positions times channels.
    pub(super) fn keys(self) -> usize {
        self.length * self.heads.queries()
    }

    /// Returns the number of values: positions times channels.
    pub(super) fn values(self) -> usize {
        self.length * self.heads.values()
    }

    /// Returns the number of results: positions times channels.
    pub(super) fn context(self) -> usize {
        self.positions * self.heads.values()
    }

    /// Returns a view of a matrix over pairs of positions, `[positions, length]`.
    pub(super) fn pairs(self, values: &[f32]) -> View<'_> {
        View::rows_of(values, self.positions, self.length, self.length)
    }

    /// Returns a view of one head of a cotangent on the result, `[positions, value]`.
    pub(super) fn of_context(self, context: &[f32], head: usize) -> View<'_> {
        let Heads { value, .. } = self.heads;
        let context = &context[head * value..];
        View::rows_of(context, self.positions, value, self.heads.values())
    }

    /// Returns one row of all queries, keys and values.
    pub(super) fn row<'a>(
        self,
        query: &'a [f32],
        key: &'a [f32],
        value: &'a [f32],
        bias: &'a Terms,
        row: usize,
    ) -> Row<'a> {
        Row {
            shape: self,
            query: &query[row * self.queries()..][..self.queries()],
            key: &key[row * self.keys()..][..self.keys()],
            value: &value[row * self.values()..][..self.values()],
            bias,
            index: row,
        }
    }
}

/// The queries, keys and values of one row.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    shape: RowShape,
    query: &'a [f32],
    key: &'a [f32],
    value: &'a [f32],
    bias: &'a Terms,
    /// Index of the row.
    index: usize,
}

impl<'a> Row<'a> {
    /// Returns a view of the queries of a head, `[positions, query]`.
    pub(super) fn query(self, head: usize) -> View<'a> {
        let Heads { query, .. } = self.shape.heads;
        let queries = self.shape.heads.queries();
        View::rows_of(
            &self.query[head * query..],
            self.shape.positions,
            query,
            queries,
        )
    }

    /// Returns a view of the keys of a head, `[length, query]`.
    pub(super) fn key(self, head: usize) -> View<'a> {
        let Heads { query, .. } = self.shape.heads;
        let queries = self.shape.heads.queries();
        View::rows_of(&self.key[head * query..], self.shape.length, query, queries)
    }

    /// Returns a view of the values of a head, `[length, value]`.
    pub(super) fn value(self, head: usize) -> View<'a> {
        let Heads { value, .. } = self.shape.heads;
        let values = self.shape.heads.values();
        View::rows_of(
            &self.value[head * value..],
            self.shape.length,
            value,
            values,
        )
    }

    /// Writes `softmax(scale q k^T + bias)` of one head to `weights`, `[positions, length]`.
    pub(super) fn weights(self, head: usize, weights: &mut [f32]) {
        match self.shape.heads.query {
            0 => weights.fill(0.0),
            _ => {
                let keys = self.key(head).transposed();
                multiply(weights, self.shape.length, self.query(head), keys);
            }
        }
        let scale = self.shape.heads.scale;
        // The softmax multiplies by the scale.
        self.bias.add(self.index, head, scale.recip(), weights);
        softmax::softmax(weights, self.shape.length, scale, Path::Fastest);
    }
}
