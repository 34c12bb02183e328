//! Random probes of the feature terms.
//!
//! A probe of Gram matrices holds a matrix `R` for each row and feature, with `E <R, X>^2 = ||X||_F^2` for every symmetric `X` with a zero
//! diagonal, as the derivative of a Gram matrix of unit vectors is: `R = (S + S^T) / (k sqrt(2))` with random signs `S`
//! above the diagonal. The matrices of different rows and features are independent. The factor `1 / k` is there because
//! manifold terms are means over pairs of positions. A probe of vectors holds a random sign for each of their numbers,
//! divided by `sqrt(k)`. A probe of their mean holds a random sign for each channel, divided by `k`.

use std::ops::Range;

use candle_core::{Result, Tensor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::model::nn::meter;
use crate::prune::recipe::FeatureTerm;

/// First random stream of the probes, so that they are independent of the samples of examples and positions, which use
/// the same seed.
const FIRST_STREAM: u64 = 1 << 32;

/// Binary logarithm of the number of random words of each row: enough for the largest number of positions.
const LOG_WORDS: u32 = 20;

/// Some probes.
pub(super) struct Probes {
    /// What they probe.
    pub(super) term: FeatureTerm,
    pub(super) seed: u64,
    /// Their numbers.
    pub(super) range: Range<usize>,
}

/// Some rows of a feature.
pub(super) struct Rows<'a> {
    /// Index of the feature's block.
    pub(super) block: usize,
    /// Index of the first row among all scoring rows.
    pub(super) first: usize,
    /// The normalized vectors, `[rows, k, channels]`.
    pub(super) vectors: &'a Tensor,
}

impl Probes {
    /// Returns the cotangents of each probe and row on the normalized vectors `F`, `[probes * rows, k, channels]`.
    ///
    /// # Errors
    /// Does not fail in practice: all shapes come from the vectors.
    pub(super) fn cotangent(&self, rows: &Rows<'_>) -> Result<Tensor> {
        let (count, size, channels) = rows.vectors.dims3()?;
        match self.term {
            FeatureTerm::Pairs => self.of_pairs(rows),
            FeatureTerm::Vectors => self.signs(rows, size, 1.0 / (size as f32).sqrt()),
            FeatureTerm::Mean => {
                let signs = self.signs(rows, 1, 1.0 / size as f32)?;
                let shape = (self.range.len() * count, size, channels);
                signs.broadcast_as(shape)?.contiguous()
            }
        }
    }

    /// Returns `value` with random signs, `[probes * rows, size, channels]`.
    fn signs(&self, rows: &Rows<'_>, size: usize, value: f32) -> Result<Tensor> {
        let (count, _, channels) = rows.vectors.dims3()?;
        let shape = (self.range.len() * count, size, channels);
        let mut signs = Vec::with_capacity(shape.0 * size * channels);
        for mut random in self.randoms(rows.block) {
            for row in 0..count {
                seek(&mut random, rows.first + row);
                let mut bits = Signs::of(&mut random, value);
                signs.extend((0..size * channels).map(|_| bits.next()));
            }
        }
        Tensor::from_vec(signs, shape, rows.vectors.device())
    }

    /// Returns `2 R F`, the cotangents of `<R, F F^T>`.
    fn of_pairs(&self, rows: &Rows<'_>) -> Result<Tensor> {
        let (count, size, channels) = rows.vectors.dims3()?;
        let probes = self.range.len();
        let twice = std::f32::consts::SQRT_2 / size as f32;
        let mut randoms: Vec<ChaCha8Rng> = self.randoms(rows.block).collect();
        // Row by row, so that one product serves all probes.
        let mut matrices = vec![0.0f32; count * probes * size * size];
        let of_rows = matrices.chunks_exact_mut(probes * size * size);
        for (row, of_row) in of_rows.enumerate() {
            let matrices = of_row.chunks_exact_mut(size * size);
            for (matrix, random) in matrices.zip(&mut randoms) {
                seek(random, rows.first + row);
                fill(matrix, size, Signs::of(random, twice));
            }
        }
        let shape = (count, probes * size, size);
        let matrices = Tensor::from_vec(matrices, shape, rows.vectors.device())?;
        meter::count(probes * count * size * size * channels);
        let products = matrices.matmul(rows.vectors)?;
        let products = products.reshape((count, probes, size, channels))?;
        let products = products.transpose(0, 1)?.contiguous()?;
        products.reshape((probes * count, size, channels))
    }

    /// Returns the generators of the signs of each probe.
    fn randoms(&self, block: usize) -> impl Iterator<Item = ChaCha8Rng> {
        self.range.clone().map(move |probe| {
            let mut random = ChaCha8Rng::seed_from_u64(self.seed);
            random.set_stream(FIRST_STREAM + ((probe as u64) << 16) + block as u64);
            random
        })
    }
}

/// Moves a generator to the words of a row.
fn seek(random: &mut ChaCha8Rng, row: usize) {
    random.set_word_pos((row as u128) << LOG_WORDS);
}

/// A number with random signs.
struct Signs<'a> {
    random: &'a mut ChaCha8Rng,
    value: f32,
    bits: u32,
    left: u32,
}

impl<'a> Signs<'a> {
    fn of(random: &'a mut ChaCha8Rng, value: f32) -> Self {
        Self {
            random,
            value,
            bits: 0,
            left: 0,
        }
    }

    fn next(&mut self) -> f32 {
        if self.left == 0 {
            (self.bits, self.left) = (self.random.next_u32(), u32::BITS);
        }
        let signed = if self.bits & 1 == 0 {
            self.value
        } else {
            -self.value
        };
        (self.bits, self.left) = (self.bits >> 1, self.left - 1);
        signed
    }
}

/// Fills a symmetric matrix `[size, size]` with signed numbers. Its diagonal stays zero.
fn fill(matrix: &mut [f32], size: usize, mut signs: Signs<'_>) {
    for row in 1..size {
        for column in 0..row {
            let signed = signs.next();
            matrix[row * size + column] = signed;
            matrix[column * size + row] = signed;
        }
    }
}
