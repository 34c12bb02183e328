//! What a model is fed.
//!
//! Rows of one batch have one length, so nothing is ever padded: attention needs no padding mask,
//! no work is spent on padding, and no padding enters a Gram matrix.

use candle_core::Tensor;

/// Rows of one length, ready for a model's stem.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Which example each row is: its index in the draw, in the order of the rows.
    pub rows: Vec<usize>,
    /// The rows themselves.
    pub input: Input,
}

/// The rows of a batch, as the kind of model takes them.
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

/// Which rows a model can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    /// Longest row, in tokens.
    pub positions: usize,
    /// Rows of the table of token embeddings: ids lie below it.
    pub vocabulary: usize,
    /// Rows of the table of segment embeddings.
    pub segments: usize,
}

impl Batch {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Positions a row (tokens here).
    #[must_use]
    pub fn length(&self) -> usize {
        match &self.input {
            Input::Tokens { ids, .. } => ids.dims()[1],
        }
    }

    /// The batch in parts of at most so many tokens, but at least one row each, and the first row of each.
    ///
    /// # Errors
    /// Never in practice: the rows are its own.
    pub fn parts(&self, max_tokens: usize) -> candle_core::Result<Vec<(usize, Self)>> {
        let rows = (max_tokens / self.length().max(1)).max(1);
        let firsts = (0..self.len()).step_by(rows);
        firsts
            .map(|first| Ok((first, self.narrow(first, rows.min(self.len() - first))?)))
            .collect()
    }

    /// Some of its rows.
    ///
    /// # Errors
    /// When there are not so many.
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
