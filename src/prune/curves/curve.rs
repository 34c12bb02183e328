//! The cost of a block's removals after its repair, as one number per unit.

use super::elimination::Elimination;

/// What each unit of a block costs when it is removed, in the order of removal.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The units, the first removed one first.
    pub order: Vec<usize>,
    /// By how much the divergence of the answers grows with each removal. The values do not fall.
    pub steps: Vec<f64>,
}

impl Curve {
    /// Creates a curve through measured points: numbers of removed units, in ascending order up to all units, with the
    /// divergence of the answers. No removal has the divergence 0. Between two points the divergence grows in proportion to the
    /// error after least squares.
    #[must_use]
    pub fn through(points: &[(usize, f64)], elimination: Elimination) -> Self {
        let Elimination { order, errors } = elimination;
        let error = |removed: usize| match removed {
            0 => 0.0,
            _ => errors[removed - 1],
        };
        let mut steps = Vec::with_capacity(order.len());
        let mut last = (0, 0.0);
        for &(removed, divergence) in points {
            let rise: f64 = divergence - last.1;
            let growth = error(removed) - error(last.0);
            steps.extend((last.0..removed).map(|place| match growth > 0.0 {
                true => rise * (error(place + 1) - error(place)) / growth,
                false => rise / (removed - last.0) as f64,
            }));
            last = (removed, divergence);
        }
        Self {
            steps: not_falling(&steps),
            order,
        }
    }

    /// Returns the importance of each unit: the geometric mean of its step, and of the score of the same rank. `scores` are
    /// those of the units in any order.
    #[must_use]
    pub fn importance(&self, scores: &[f64]) -> Vec<f64> {
        let mut sorted = scores.to_vec();
        sorted.sort_by(f64::total_cmp);
        let mut importance = vec![0.0; scores.len()];
        for ((&unit, step), score) in self.order.iter().zip(&self.steps).zip(sorted) {
            importance[unit] = (step * score).sqrt();
        }
        importance
    }
}

/// Returns the sequence of values from 0 that do not fall and are closest to these (pool adjacent violators, Ayer et al. 1955).
fn not_falling(values: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for &value in values {
        let mut pool = (value, 1);
        while let Some((mean, count)) = pools.pop_if(|last| last.0 > pool.0) {
            let both = count + pool.1;
            pool.0 = (mean * count as f64 + pool.0 * pool.1 as f64) / both as f64;
            pool.1 = both;
        }
        pools.push(pool);
    }
    let values = pools
        .into_iter()
        .flat_map(|(mean, count)| std::iter::repeat_n(mean.max(0.0), count));
    values.collect()
}
