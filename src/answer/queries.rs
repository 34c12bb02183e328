//! The parts of a segmentation by queries: the class and the mask of each query.
//!
//! The answers of a query are the logits of its classes, of which the last one stands for no object, and then the logit of
//! its mask at each pixel. The divergence of a query is that of its class, plus that of its mask: the mean over the pixels,
//! times the probability of an object, because the mask of no object is never read.

use super::sampling::signs_of_positions;
use super::task::{Divergence, Form, Outputs};
use super::{bernoulli, softmax};

/// Number of times that the directions of the classes are used, each time with other signs.
const REPEATS: usize = 2;

/// Parts with this number of classes, no object included.
pub(super) struct Queries {
    pub(super) classes: usize,
}

impl Queries {
    /// Returns the number of directions.
    fn count(&self) -> usize {
        REPEATS * softmax::count(self.classes)
    }

    /// Returns the logits of the classes and of the mask of each query.
    fn of<'a>(&self, outputs: Outputs<'a>) -> impl Iterator<Item = (&'a [f32], &'a [f32])> {
        let classes = self.classes;
        outputs.rows().map(move |row| row.split_at(classes))
    }
}

/// Returns the probability that a query has an object.
fn object(classes: &[f32], temperature: f64) -> f64 {
    1.0 - softmax::probabilities(classes, temperature)
        .last()
        .copied()
        .unwrap_or(0.0)
}

impl Divergence for Queries {
    fn divergence(&self, original: Outputs<'_>, changed: Outputs<'_>, temperature: f64) -> f64 {
        let queries = self.of(original).zip(self.of(changed));
        let sum: f64 = queries
            .map(|((classes, mask), (changed_classes, changed_mask))| {
                let pixels = mask.iter().zip(changed_mask);
                let pixels =
                    pixels.map(|(&own, &other)| bernoulli::divergence(own, other, temperature));
                let of_mask = pixels.sum::<f64>() / mask.len().max(1) as f64;
                softmax::divergence(classes, changed_classes, temperature)
                    + object(classes, temperature) * of_mask
            })
            .sum();
        temperature * temperature * sum / original.positions.max(1) as f64
    }

    fn directions(&self, at: Outputs<'_>, row: usize, form: Form) -> Vec<Vec<f32>> {
        let count = self.count();
        let mut signs = signs_of_positions(row, count, form.seed);
        let mut drawn = vec![Vec::with_capacity(at.values.len()); count];
        // The sum over all directions has the squares of the classes `REPEATS` times, and those of a pixel `count` times.
        let share = REPEATS as f64 / (2.0 * softmax::scale(self.classes) * count as f64);
        for (classes, mask) in self.of(at) {
            let of_classes = softmax::directions(classes, form.temperature, row, form.seed);
            let weight = share * object(classes, form.temperature) / mask.len().max(1) as f64;
            let lengths = mask
                .iter()
                .map(|&logit| (weight * bernoulli::variance(logit, form.temperature)).sqrt());
            let lengths: Vec<f64> = lengths.collect();
            let directions = of_classes.iter().cycle();
            for ((drawn, sign), direction) in drawn.iter_mut().zip(&mut signs).zip(directions) {
                let own = sign() as f32;
                drawn.extend(direction.iter().map(|value| own * value));
                drawn.extend(lengths.iter().map(|length| (sign() * length) as f32));
            }
        }
        drawn
    }

    fn scale(&self, _: usize, positions: usize) -> f64 {
        softmax::scale(self.classes) / (REPEATS * positions.max(1)) as f64
    }
}
