//! Softmax over the rows of a small matrix, in place.

use pulp::NullaryFnOnce;

use super::elementary::exp;
use super::{LANES, Path, sum};

/// Replaces each row of `width` numbers by `softmax(scale * row)`.
pub fn softmax(values: &mut [f32], width: usize, scale: f32, path: Path) {
    if width > 0 {
        path.run(Softmax {
            values,
            width,
            scale,
        });
    }
}

/// Replaces the `cotangent` on the weights by the cotangent on the scores before scaling:
/// `scale * weights * (cotangent - <cotangent, weights>)`.
pub fn pull(cotangent: &mut [f32], weights: &[f32], width: usize, scale: f32, path: Path) {
    if width > 0 {
        path.run(Pull {
            cotangent,
            weights,
            width,
            scale,
        });
    }
}

struct Softmax<'a> {
    values: &'a mut [f32],
    width: usize,
    scale: f32,
}

impl NullaryFnOnce for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for row in self.values.chunks_exact_mut(self.width) {
            let largest = largest(row);
            for value in row.iter_mut() {
                *value = exp((*value - largest) * self.scale);
            }
            let share = 1.0 / sum(row, |value| value);
            for value in row.iter_mut() {
                *value *= share;
            }
        }
    }
}

#[inline(always)]
fn largest(row: &[f32]) -> f32 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let mut partial = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            partial[lane] = larger(partial[lane], chunk[lane]);
        }
    }
    let most = rest
        .iter()
        .fold(f32::NEG_INFINITY, |most, &value| larger(most, value));
    partial
        .iter()
        .fold(most, |most, &value| larger(most, value))
}

struct Pull<'a> {
    cotangent: &'a mut [f32],
    weights: &'a [f32],
    width: usize,
    scale: f32,
}

impl NullaryFnOnce for Pull<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let rows = self.cotangent.chunks_exact_mut(self.width);
        for (cotangent, weights) in rows.zip(self.weights.chunks_exact(self.width)) {
            let mean = super::dot(cotangent, weights);
            for (value, weight) in cotangent.iter_mut().zip(weights) {
                *value = self.scale * weight * (*value - mean);
            }
        }
    }
}
