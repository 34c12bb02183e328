//! Samples the rows of a table that a job reads.

use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Samples at most `wanted` of `rows` rows without replacement. Returns their indices in the order in which they were
/// sampled. The same seed gives the same sample.
#[must_use]
pub fn draw(rows: usize, wanted: usize, seed: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    index::sample(&mut random, rows, wanted.min(rows)).into_vec()
}
