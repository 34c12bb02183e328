//! Batches of rows, the input of a model.
//!
//! All rows of a batch have the same length, so rows are never padded. Attention needs no padding mask,
//! no computation is wasted on padding, and no padding enters a Gram matrix.

use candle_core::Tensor;

use super::extent::Extent;
use super::hidden::Layout;

/// Rows of one length, the input of a model's stem.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The index of each row's example in the data set.
    pub rows: Vec<usize>,
    /// The content of the rows.
    pub input: Input,
}

/// The content of a batch, by kind of model.
#[derive(Clone, Debug)]
pub enum Input {
    /// Token ids and segment ids, both u32 `[rows, length]`.
    Tokens {
        /// Vocabulary indices.
        ids: Tensor,
        /// 0 for the first text of a pair, 1 for the second.
        types: Tensor,
    },
}

/// Limits of the rows that a model can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    /// Maximum length of a row, in tokens.
    pub positions: usize,
    /// Number of token embeddings. Token ids must be smaller.
    pub vocabulary: usize,
    /// Number of segment embeddings. Segment ids must be smaller.
    pub segments: usize,
}

impl Batch {
    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the batch has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the number of positions (tokens) per row.
    #[must_use]
    pub fn length(&self) -> usize {
        match &self.input {
            Input::Tokens { ids, .. } => ids.dims()[1],
        }
    }

    /// Returns the shape of the rows.
    #[must_use]
    pub fn extent(&self) -> Extent {
        match &self.input {
            Input::Tokens { .. } => {
                Extent::of(self.rows.iter().map(|_| (Layout::Sequence, self.length())))
            }
        }
    }

    /// Splits the batch into parts of at most `max_positions` tokens, but at least one row. Returns each part with the
    /// index of its first row.
    ///
    /// # Errors
    /// Does not fail in practice: all parts lie within the batch.
    pub fn parts(&self, max_positions: usize) -> candle_core::Result<Vec<(usize, Self)>> {
        let rows = (max_positions / self.length().max(1)).max(1);
        let firsts = (0..self.len()).step_by(rows);
        firsts
            .map(|first| Ok((first, self.narrow(first, rows.min(self.len() - first))?)))
            .collect()
    }

    /// Returns the rows `first .. first + count`.
    ///
    /// # Errors
    /// Returns an error if the batch has fewer rows.
    pub fn narrow(&self, first: usize, count: usize) -> candle_core::Result<Self> {
        let Input::Tokens { ids, types } = &self.input;
        let rows = |tensor: &Tensor| tensor.narrow(0, first, count)?.contiguous();
        Ok(Self {
            rows: self.rows[first..first + count].to_vec(),
            input: Input::Tokens {
                ids: rows(ids)?,
                types: rows(types)?,
            },
        })
    }
}
