//! Directions of a divergence whose quadratic form is diagonal: the channels of an answer do not depend on each other.

use super::sampling::{is_random, share, signs, used};

/// Returns one direction along each channel, with the length of that channel in `lengths`. With too many channels,
/// random sums of these directions are returned, which `row` and `seed` determine.
pub(super) fn directions(lengths: &[f32], row: usize, seed: u64) -> Vec<Vec<f32>> {
    let directions = (0..used(lengths.len())).map(|index| {
        if is_random(lengths.len()) {
            let mut sign = signs(row, index, seed);
            return lengths
                .iter()
                .map(|length| sign() as f32 * length)
                .collect();
        }
        let mut direction = vec![0.0; lengths.len()];
        direction[index] = lengths[index];
        direction
    });
    directions.collect()
}

/// Returns the factor of the squared derivatives with which their sum is the sum over all channels, or its expectation.
pub(super) fn scale(channels: usize) -> f64 {
    share(channels)
}
