//! Distributions over classes: their divergence, and its quadratic form.
//!
//! Near `d = 0`, `T^2 KL(softmax(z/T) || softmax((z+d)/T))` is `d^T F d / 2`, with
//! `F = diag(p) - p p^T` at `p = softmax(z/T)`. This is `F = sum_k c_k c_k^T` over `classes - 1` directions
//! `c_k = sqrt(p) * h_k`, where the `h_k` are orthonormal and orthogonal to `sqrt(p)`. One backward pass per direction
//! gives the exact form without sampling. With too many classes, random combinations of the directions are used instead.

use super::sampling::{is_random, share, signs, used};

/// Returns `sum p (log p - log q)` for `p = softmax(reference / T)` and `q = softmax(changed / T)`.
pub(super) fn divergence(reference: &[f32], changed: &[f32], temperature: f64) -> f64 {
    let (log_p, log_q) = (
        log_softmax(reference, temperature),
        log_softmax(changed, temperature),
    );
    log_p
        .iter()
        .zip(&log_q)
        .map(|(p, q)| p.exp() * (p - q))
        .sum()
}

fn log_softmax(logits: &[f32], temperature: f64) -> Vec<f64> {
    let scaled: Vec<f64> = logits
        .iter()
        .map(|&logit| f64::from(logit) / temperature)
        .collect();
    let largest = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = largest
        + scaled
            .iter()
            .map(|value| (value - largest).exp())
            .sum::<f64>()
            .ln();
    scaled.into_iter().map(|value| value - log_sum).collect()
}

/// Returns the number of directions of a distribution over this number of classes.
pub(super) fn count(classes: usize) -> usize {
    used(classes.saturating_sub(1))
}

/// Returns the factor of the squared derivatives with which their sum is the form.
pub(super) fn scale(classes: usize) -> f64 {
    0.5 * share(classes.saturating_sub(1))
}

/// Returns the directions at these logits. `row` and `seed` determine the random ones.
pub(super) fn directions(logits: &[f32], temperature: f64, row: usize, seed: u64) -> Vec<Vec<f32>> {
    let root = square_roots(logits, temperature);
    let directions = (0..count(logits.len())).map(|index| match is_random(logits.len() - 1) {
        false => orthogonal(&root, index),
        true => random(&root, row, index, seed),
    });
    directions.collect()
}

/// Returns one random direction at these logits. The expectation of its outer product is `F`.
pub(super) fn random_direction(
    logits: &[f32],
    temperature: f64,
    (row, index): (usize, usize),
    seed: u64,
) -> Vec<f32> {
    random(&square_roots(logits, temperature), row, index, seed)
}

/// Returns `sqrt(p) * x - p <sqrt(p), x>` for random signs `x`. The expectation of its outer product is `F`.
fn random(root: &[f64], row: usize, index: usize, seed: u64) -> Vec<f32> {
    let mut sign = signs(row, index, seed);
    let signs: Vec<f64> = root.iter().map(|_| sign()).collect();
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

/// Returns `sqrt(p)` with `p = softmax(logits / T)`.
fn square_roots(logits: &[f32], temperature: f64) -> Vec<f64> {
    let probabilities = probabilities(logits, temperature).into_iter();
    probabilities.map(f64::sqrt).collect()
}

/// Returns `softmax(logits / T)`.
pub(super) fn probabilities(logits: &[f32], temperature: f64) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers = logits
        .iter()
        .map(|&logit| (f64::from(logit - largest) / temperature).exp());
    let powers: Vec<f64> = powers.collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|power| power / total).collect()
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

/// Returns the index of the largest logit, or the first of several equal ones.
#[must_use]
pub fn predicted(logits: &[f32]) -> usize {
    let mut best = 0;
    for (index, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = index;
        }
    }
    best
}
