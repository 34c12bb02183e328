//! Which rows of a table a job looks at.

use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Draws at most `wanted` of `rows` rows without replacement, in drawn order; the same for the same seed.
#[must_use]
pub fn draw(rows: usize, wanted: usize, seed: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    index::sample(&mut random, rows, wanted.min(rows)).into_vec()
}
