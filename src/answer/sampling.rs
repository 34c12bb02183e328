//! Random combinations of the directions of a quadratic form, where the exact ones are too many.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Maximum number of exact directions.
const MAX_EXACT: usize = 16;

/// Number of random directions that replace more exact ones. Each row has its own, so few are enough.
const RANDOM: usize = 8;

/// First random stream of these samples, so that they are independent of all others with the same seed.
const FIRST_STREAM: u64 = 1 << 62;

/// Returns whether this number of exact directions is replaced by random ones.
pub(super) fn is_random(exact: usize) -> bool {
    exact > MAX_EXACT
}

/// Returns the number of directions that are used in place of this number of exact ones.
pub(super) fn used(exact: usize) -> usize {
    match is_random(exact) {
        true => RANDOM,
        false => exact,
    }
}

/// Returns the factor of the squared derivatives with which their sum is that over this number of exact directions, or has
/// it as its expectation.
pub(super) fn share(exact: usize) -> f64 {
    match is_random(exact) {
        true => 1.0 / RANDOM as f64,
        false => 1.0,
    }
}

/// Returns a generator of random signs for one direction of an example.
pub(super) fn signs(row: usize, index: usize, seed: u64) -> impl FnMut() -> f64 {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(FIRST_STREAM + ((row as u64) << 16) + index as u64);
    move || match random.next_u32() & 1 {
        0 => -1.0,
        _ => 1.0,
    }
}

/// Returns generators of random signs over the positions of an example, one for each direction. They are independent of the
/// signs of [random directions](is_random).
pub(super) fn signs_of_positions(
    row: usize,
    directions: usize,
    seed: u64,
) -> Vec<impl FnMut() -> f64> {
    let indices = RANDOM..RANDOM + directions;
    indices.map(|index| signs(row, index, seed)).collect()
}
