//! One of several classes at each position of an example: the divergence of two answers, its quadratic form, and how
//! often they agree.

use super::sampling::signs_of_positions;
use super::softmax::{self, predicted};
use super::task::{Form, Outputs};

/// Minimum number of directions. Random signs over the positions are drawn several times if there are few classes.
const MIN_DIRECTIONS: usize = 16;

/// Distributions over this number of classes, one at each position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Positions(pub(super) usize);

impl Positions {
    /// Returns how often the signs of each direction are drawn.
    fn repeats(self) -> usize {
        MIN_DIRECTIONS.div_ceil(softmax::count(self.0).max(1))
    }

    /// Returns the mean over the positions of `T^2 KL(softmax(original / T) || softmax(changed / T))`.
    pub(super) fn divergence(
        self,
        original: Outputs<'_>,
        changed: Outputs<'_>,
        temperature: f64,
    ) -> f64 {
        let positions = original.rows().zip(changed.rows());
        let sum: f64 = positions
            .map(|(original, changed)| softmax::divergence(original, changed, temperature))
            .sum();
        temperature * temperature * sum / original.positions as f64
    }

    /// Returns the directions of each position, added with random signs. In expectation, the squares of different
    /// positions add up.
    pub(super) fn directions(self, at: Outputs<'_>, row: usize, form: Form) -> Vec<Vec<f32>> {
        let count = softmax::count(self.0);
        let mut signs = signs_of_positions(row, count * self.repeats(), form.seed);
        let mut drawn = vec![Vec::with_capacity(at.values.len()); signs.len()];
        for logits in at.rows() {
            let of_position = softmax::directions(logits, form.temperature, row, form.seed);
            let directions = of_position.iter().cycle();
            for ((drawn, sign), direction) in drawn.iter_mut().zip(&mut signs).zip(directions) {
                let sign = sign() as f32;
                drawn.extend(direction.iter().map(|value| sign * value));
            }
        }
        drawn
    }

    /// Returns the factor of the squared derivatives along these directions.
    pub(super) fn scale(self, positions: usize) -> f64 {
        softmax::scale(self.0) / (self.repeats() * positions) as f64
    }

    /// Returns the fraction of the positions with the same class in both answers.
    pub(super) fn agreement(self, left: Outputs<'_>, right: Outputs<'_>) -> f64 {
        let same = left.rows().zip(right.rows());
        let same = same.filter(|(left, right)| predicted(left) == predicted(right));
        same.count() as f64 / left.positions as f64
    }
}
