//! Random probes of the Gram matrices.
//!
//! A probe holds a matrix `R` for each row and feature, with `E <R, X>^2 = ||X||_F^2` for every symmetric `X` with a zero
//! diagonal, as the derivative of a Gram matrix of unit vectors is: `R = (S + S^T) / (k sqrt(2))` with random signs `S`
//! above the diagonal. The matrices of different rows and features are independent. The factor `1 / k` is there because
//! manifold terms are means over pairs of positions.

use std::ops::Range;

use candle_core::{Result, Tensor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::model::nn::meter;

/// First random stream of the probes, so that they are independent of the samples of examples and positions, which use
/// the same seed.
const FIRST_STREAM: u64 = 1 << 32;

/// Binary logarithm of the number of random words of each row: enough for the largest number of positions.
const LOG_WORDS: u32 = 20;

/// Some rows of a feature, for some probes.
pub(super) struct Probed<'a> {
    pub(super) seed: u64,
    /// Index of the feature's block.
    pub(super) block: usize,
    /// Index of the first row among all scoring rows.
    pub(super) first_row: usize,
    /// The probes.
    pub(super) probes: Range<usize>,
    /// The normalized vectors, `[rows, k, channels]`.
    pub(super) vectors: &'a Tensor,
}

impl Probed<'_> {
    /// Returns `2 R F` for each probe and row, `[probes * rows, k, channels]`. This is the cotangent of `<R, F F^T>` on the
    /// normalized vectors `F`.
    ///
    /// # Errors
    /// Does not fail in practice: all shapes come from the vectors.
    pub(super) fn cotangent(&self) -> Result<Tensor> {
        let (rows, size, channels) = self.vectors.dims3()?;
        let probes = self.probes.len();
        let twice = std::f32::consts::SQRT_2 / size as f32;
        let randoms = self.probes.clone().map(|probe| self.random(probe));
        let mut randoms: Vec<ChaCha8Rng> = randoms.collect();
        // Row by row, so that one product serves all probes.
        let mut matrices = vec![0.0f32; rows * probes * size * size];
        let of_rows = matrices.chunks_exact_mut(probes * size * size);
        for (row, of_row) in of_rows.enumerate() {
            let matrices = of_row.chunks_exact_mut(size * size);
            for (matrix, random) in matrices.zip(&mut randoms) {
                random.set_word_pos(((self.first_row + row) as u128) << LOG_WORDS);
                fill(matrix, size, twice, random);
            }
        }
        let shape = (rows, probes * size, size);
        let matrices = Tensor::from_vec(matrices, shape, self.vectors.device())?;
        meter::count(probes * rows * size * size * channels);
        let products = matrices.matmul(self.vectors)?;
        let products = products.reshape((rows, probes, size, channels))?;
        let products = products.transpose(0, 1)?.contiguous()?;
        products.reshape((probes * rows, size, channels))
    }

    /// Returns the generator of a probe's signs.
    fn random(&self, probe: usize) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(FIRST_STREAM + ((probe as u64) << 16) + self.block as u64);
        random
    }
}

/// Fills a symmetric matrix `[size, size]` with `value` and random signs. Its diagonal stays zero.
fn fill(matrix: &mut [f32], size: usize, value: f32, random: &mut impl Rng) {
    let (mut bits, mut left) = (0u32, 0);
    for row in 1..size {
        for column in 0..row {
            if left == 0 {
                (bits, left) = (random.next_u32(), u32::BITS);
            }
            let signed = if bits & 1 == 0 { value } else { -value };
            (bits, left) = (bits >> 1, left - 1);
            matrix[row * size + column] = signed;
            matrix[column * size + row] = signed;
        }
    }
}
