//! Sample of the positions for the Gram matrices: one seeded sample per feature, without padding.
//!
//! Features may have different positions, for example after patch merging. Features with the same positions get the
//! same sample.

use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Random stream of this sample, so that it is independent of the sample of examples, which uses the same seed.
const STREAM: u64 = 1;

/// Samples at most `wanted` (`K`) of all positions of the batches without replacement. `sizes` holds rows times
/// positions of each batch. Returns one sorted list of indices in `[rows * positions]` per batch.
#[must_use]
pub fn draw(sizes: &[usize], wanted: usize, seed: u64) -> Vec<Vec<u32>> {
    let total = sizes.iter().sum();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(STREAM);
    let mut drawn = index::sample(&mut random, total, wanted.min(total)).into_vec();
    drawn.sort_unstable();
    let mut start = 0;
    let mut rest = drawn.as_slice();
    let mut samples = Vec::with_capacity(sizes.len());
    for &size in sizes {
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
