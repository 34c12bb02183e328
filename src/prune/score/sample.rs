//! Which token rows stand in the Gram matrices: one seeded sample a job, real tokens only.

use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::model::batch::Batch;

/// Keeps the draw of token rows apart from the draw of examples, which has the same seed.
const STREAM: u64 = 1;

/// Draws at most `wanted` (`K`) of all positions of the batches without replacement. One sorted list
/// a batch: positions in `[rows * length]`.
#[must_use]
pub fn draw(batches: &[Batch], wanted: usize, seed: u64) -> Vec<Vec<u32>> {
    let sizes: Vec<usize> = batches
        .iter()
        .map(|batch| batch.len() * batch.length())
        .collect();
    let total = sizes.iter().sum();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(STREAM);
    let mut drawn = index::sample(&mut random, total, wanted.min(total)).into_vec();
    drawn.sort_unstable();
    let mut start = 0;
    let mut rest = drawn.as_slice();
    let mut samples = Vec::with_capacity(sizes.len());
    for size in sizes {
        let (here, later) =
            rest.split_at(rest.partition_point(|&position| position < start + size));
        samples.push(
            here.iter()
                .map(|&position| (position - start) as u32)
                .collect(),
        );
        (start, rest) = (start + size, later);
    }
    samples
}
