//! Sample of the positions for the Gram matrices: equally many of each row of a batch, without padding.
//!
//! Features may have different positions, for example after patch merging. Features with the same positions get the
//! same sample.

use std::ops::Range;

use candle_core::{Result, Tensor};
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Random stream of this sample, so that it is independent of the sample of examples, which uses the same seed.
const STREAM: u64 = 1;

/// Sampled positions of some rows of one length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Sampled positions of each row in ascending order, `[rows, each]`, row-major. Empty if all positions are sampled.
    positions: Vec<usize>,
    rows: usize,
    /// Number of sampled positions of each row.
    each: usize,
    /// Number of positions of each row.
    length: usize,
}

impl Sample {
    /// Returns the number of sampled positions of each row.
    #[must_use]
    pub fn each(&self) -> usize {
        self.each
    }

    /// Returns the sample of some of the rows.
    #[must_use]
    pub fn of_rows(&self, rows: &Range<usize>) -> Self {
        let positions = match self.positions.is_empty() {
            true => Vec::new(),
            false => self.positions[rows.start * self.each..rows.end * self.each].to_vec(),
        };
        Self {
            positions,
            rows: rows.len(),
            ..*self
        }
    }

    /// Returns the sampled positions of a row in ascending order.
    #[must_use]
    pub fn positions(&self, row: usize) -> Vec<usize> {
        match self.positions.is_empty() {
            true => (0..self.length).collect(),
            false => self.positions[row * self.each..(row + 1) * self.each].to_vec(),
        }
    }

    /// Returns the places of the sampled positions in `[copies * rows * length]`. `None` if they are all places.
    #[must_use]
    pub fn places(&self, copies: usize) -> Option<Vec<u32>> {
        if self.positions.is_empty() {
            return None;
        }
        let rows = (0..copies * self.rows).flat_map(|row| {
            let positions = self.positions(row % self.rows).into_iter();
            positions.map(move |position| (row * self.length + position) as u32)
        });
        Some(rows.collect())
    }

    /// Returns the sampled vectors of a feature: `[copies * rows, length, channels]` to `[copies * rows, each, channels]`.
    ///
    /// # Errors
    /// Returns an error if the shape does not match.
    pub fn select(&self, feature: &Tensor) -> Result<Tensor> {
        let (rows, _, channels) = feature.dims3()?;
        let Some(places) = self.places(rows / self.rows.max(1)) else {
            return Ok(feature.clone());
        };
        let places = Tensor::new(places, feature.device())?;
        let sampled = feature.flatten(0, 1)?.index_select(&places, 0)?;
        sampled.reshape((rows, self.each, channels))
    }

    /// Reverses [`select`](Self::select): puts vectors at the sampled positions, and zeros at all others.
    ///
    /// # Errors
    /// Returns an error if the shape does not match.
    pub fn spread(&self, sampled: &Tensor) -> Result<Tensor> {
        let (rows, _, channels) = sampled.dims3()?;
        let Some(places) = self.places(rows / self.rows.max(1)) else {
            return Ok(sampled.clone());
        };
        let places = Tensor::new(places, sampled.device())?;
        let all = (rows * self.length, channels);
        let all = Tensor::zeros(all, sampled.dtype(), sampled.device())?;
        let all = all.index_add(&places, &sampled.flatten(0, 1)?.contiguous()?, 0)?;
        all.reshape((rows, self.length, channels))
    }
}

/// Samples at most `wanted` positions of each row without replacement. `sizes` holds the number of rows and the number of
/// positions of each row for each batch. Returns one sample per batch.
#[must_use]
pub fn draw(sizes: &[(usize, usize)], wanted: usize, seed: u64) -> Vec<Sample> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(STREAM);
    let samples = sizes.iter().map(|&(rows, length)| {
        let mut positions = Vec::new();
        if wanted < length {
            for _ in 0..rows {
                let mut drawn = index::sample(&mut random, length, wanted).into_vec();
                drawn.sort_unstable();
                positions.extend(drawn);
            }
        }
        Sample {
            positions,
            rows,
            each: wanted.min(length),
            length,
        }
    });
    samples.collect()
}
