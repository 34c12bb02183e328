//! Numbers that are added to the scores of an attention before the softmax.

use candle_core::{Result, Tensor};

/// The sum of several terms, each `[period, heads, queries, keys]`. The row `r` of a batch reads the part `r % period` of a
/// term. A term with one head or one query has the same numbers for all of them.
#[derive(Clone, Debug, Default)]
pub struct Bias(Vec<Tensor>);

impl Bias {
    /// Creates a bias that adds nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Creates a bias with a number for each key of each row, `[rows, keys]`.
    ///
    /// # Errors
    /// Returns an error if the shape does not match.
    pub fn of_keys(numbers: &Tensor) -> Result<Self> {
        Ok(Self::none().plus(numbers.unsqueeze(1)?.unsqueeze(1)?))
    }

    /// Adds a term, `[period, heads, queries, keys]`.
    #[must_use]
    pub fn plus(mut self, term: Tensor) -> Self {
        self.0.push(term);
        self
    }

    /// Checks that all terms match scores `[rows, heads, queries, keys]`.
    fn fits(&self, scores: [usize; 4]) -> Result<()> {
        let [rows, heads, queries, keys] = scores;
        let fits = |term: &Tensor| {
            let one_or = |found: usize, all: usize| found == 1 || found == all;
            matches!(*term.dims(), [period, of_heads, of_queries, of_keys]
                if period > 0 && rows.is_multiple_of(period) && one_or(of_heads, heads)
                    && one_or(of_queries, queries) && of_keys == keys)
        };
        match self.0.iter().all(fits) {
            true => Ok(()),
            false => candle_core::bail!("the shapes of the scores and their bias do not match"),
        }
    }

    /// Reads the numbers for scores `[rows, heads, queries, keys]`.
    pub(super) fn read(&self, scores: [usize; 4]) -> Result<Terms> {
        self.fits(scores)?;
        let terms = self.0.iter().map(|term| {
            let (period, heads, queries, keys) = term.dims4()?;
            let values = term.flatten_all()?.to_vec1()?;
            Ok(Term {
                values,
                period,
                heads,
                size: queries * keys,
            })
        });
        Ok(Terms(terms.collect::<Result<_>>()?))
    }

    /// Adds the bias to scores `[rows, heads, queries, keys]` with candle's own operations.
    pub(super) fn add_plainly(&self, scores: Tensor) -> Result<Tensor> {
        let (rows, heads, queries, keys) = scores.dims4()?;
        self.fits([rows, heads, queries, keys])?;
        let mut terms = self.0.iter();
        terms.try_fold(scores, |scores, term| {
            let period = term.dim(0)?;
            let by_period = scores.reshape((rows / period, period, heads, queries, keys))?;
            let sum = by_period.broadcast_add(&term.unsqueeze(0)?)?;
            sum.reshape((rows, heads, queries, keys))
        })
    }
}

/// The numbers of a bias.
#[derive(Debug)]
pub(super) struct Terms(Vec<Term>);

/// The numbers of one term.
#[derive(Debug)]
struct Term {
    /// `[period, heads, queries, keys]`.
    values: Vec<f32>,
    period: usize,
    heads: usize,
    /// Queries times keys.
    size: usize,
}

impl Terms {
    /// Adds `factor` times the bias to the scores `[queries, keys]` of one head of a row.
    pub(super) fn add(&self, row: usize, head: usize, factor: f32, scores: &mut [f32]) {
        for term in &self.0 {
            let part = (row % term.period) * term.heads + head % term.heads;
            let numbers = &term.values[part * term.size..][..term.size];
            for scores in scores.chunks_exact_mut(term.size.max(1)) {
                for (score, number) in scores.iter_mut().zip(numbers) {
                    *score += factor * number;
                }
            }
        }
    }
}
