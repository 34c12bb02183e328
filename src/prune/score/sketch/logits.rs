//! The quadratic form of the logits term, decomposed into directions.
//!
//! Near `d = 0`, `T^2 KL(softmax(z/T) || softmax((z+d)/T))` is `d^T F d / 2`, with
//! `F = diag(p) - p p^T` at `p = softmax(z/T)`. This is `F = sum_k c_k c_k^T` over `classes - 1` directions
//! `c_k = sqrt(p) * h_k`, where the `h_k` are orthonormal and orthogonal to `sqrt(p)`. A row's logits
//! depend only on that row, so one backward pass per direction gives the exact form without sampling.
//! With too many classes, random combinations of the directions are used instead. For regression
//! the form is `d^2`.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::checkpoint::config::Problem;

/// Maximum number of exact directions. With more, this number of random directions is used.
const MAX_DIRECTIONS: usize = 32;

/// First random stream of these samples, so that they are independent of all others with the same seed.
const FIRST_STREAM: u64 = 1 << 62;

/// Parameters of the quadratic form.
pub(in crate::prune) struct Form<'a> {
    pub(in crate::prune) problem: &'a Problem,
    pub(in crate::prune) temperature: f64,
    pub(in crate::prune) seed: u64,
}

impl Form<'_> {
    /// Returns directions for the logits `[rows, classes]`, each row-major with the same shape. `rows` holds the
    /// indices of the examples, so that the random signs of a row do not depend on its batch.
    pub(in crate::prune) fn directions(
        &self,
        logits: &[Vec<f32>],
        rows: &[usize],
    ) -> Vec<Vec<f32>> {
        if matches!(self.problem, Problem::Regression) {
            return vec![vec![1.0; logits.iter().map(Vec::len).sum()]];
        }
        let classes = logits.first().map_or(0, Vec::len);
        let count = classes.saturating_sub(1).min(MAX_DIRECTIONS);
        let mut directions = vec![Vec::with_capacity(logits.len() * classes); count];
        for (logits, &row) in logits.iter().zip(rows) {
            let root = square_roots(logits, self.temperature);
            for (index, direction) in directions.iter_mut().enumerate() {
                direction.extend(match classes - 1 > MAX_DIRECTIONS {
                    false => orthogonal(&root, index),
                    true => self.random(&root, row, index),
                });
            }
        }
        directions
    }

    /// Returns the factor of the squared derivatives with which their sum is the form.
    pub(in crate::prune) fn scale(&self, directions: usize) -> f64 {
        match self.problem {
            Problem::Regression => 1.0,
            Problem::Classification { labels } if labels.len() - 1 > MAX_DIRECTIONS => {
                0.5 / directions as f64
            }
            Problem::Classification { .. } => 0.5,
        }
    }

    /// Returns `sqrt(p) * x - p <sqrt(p), x>` for random signs `x`. The expectation of its outer product is `F`.
    fn random(&self, root: &[f64], row: usize, index: usize) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(FIRST_STREAM + ((row as u64) << 16) + index as u64);
        let signs: Vec<f64> = root
            .iter()
            .map(|_| {
                if random.next_u32() & 1 == 0 {
                    -1.0
                } else {
                    1.0
                }
            })
            .collect();
        let along: f64 = root
            .iter()
            .zip(&signs)
            .map(|(root, sign)| root * sign)
            .sum();
        let direction = root.iter().zip(signs);
        direction
            .map(|(root, sign)| (root * sign - root * root * along) as f32)
            .collect()
    }
}

/// Returns `sqrt(p)` with `p = softmax(logits / T)`.
fn square_roots(logits: &[f32], temperature: f64) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers = logits
        .iter()
        .map(|&logit| (f64::from(logit - largest) / temperature).exp());
    let powers: Vec<f64> = powers.collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|power| (power / total).sqrt()).collect()
}

/// Returns `sqrt(p) * h`, where `h` is a column of the reflection that maps `sqrt(p)` to the last axis.
fn orthogonal(root: &[f64], column: usize) -> Vec<f32> {
    let last = root.len() - 1;
    let share = root[column] / (1.0 + root[last]);
    let entries = root.iter().enumerate().map(|(index, &value)| {
        let normal = if index == last { value + 1.0 } else { value };
        let identity = if index == column { 1.0 } else { 0.0 };
        (value * (identity - share * normal)) as f32
    });
    entries.collect()
}
