//! Sample of the token rows for the Gram matrices: one seeded sample per job, without padding.

use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::model::batch::Batch;

/// Random stream of this sample, so that it is independent of the sample of examples, which uses the same seed.
const STREAM: u64 = 1;

/// Samples at most `wanted` (`K`) of all positions of the batches without replacement. Returns one sorted list of
/// positions in `[rows * length]` per batch.
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
