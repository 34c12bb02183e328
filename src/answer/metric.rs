//! Metrics of two models on the same examples, with standard errors.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::statistics::{deviation, mean, standard_error};

/// Number of resamples of the paired bootstrap, which is used for a metric without a closed form of its error.
const RESAMPLES: usize = 1_000;

/// What the metrics need of the answers of each model, one record per example.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    /// The original model.
    pub before: &'a [Vec<f64>],
    /// The pruned model.
    pub after: &'a [Vec<f64>],
    /// The pruned model without repair, if it was repaired.
    pub bare: Option<&'a [Vec<f64>]>,
}

/// A metric of two models on the same examples.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Name of the metric.
    pub name: String,
    /// Number of the parts that it compares, such as the pairs of texts or the questions. An example may be a part of one.
    pub count: usize,
    /// The original model's score.
    pub before: Estimate,
    /// The pruned model's score.
    pub after: Estimate,
    /// Standard error of the paired difference of the scores.
    pub difference_error: f64,
    /// Score of the pruned model without repair, if it was repaired.
    pub bare: Option<f64>,
    /// Score of a model that always gives the most frequent answer, if there is one.
    pub constant: Option<f64>,
}

/// A score with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The score.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
}

impl Metric {
    /// Returns a metric that is the mean of one number per example.
    #[must_use]
    pub fn mean_of(
        name: impl Into<String>,
        records: Records<'_>,
        number: impl Fn(&[f64]) -> f64,
        constant: Option<f64>,
    ) -> Self {
        Self::of_contributions(name, records, constant, |records| {
            records.iter().map(|record| number(record)).collect()
        })
    }

    /// Returns a metric that is the mean of a contribution per example. `contributions` computes them from the records
    /// of one model.
    #[must_use]
    pub fn of_contributions(
        name: impl Into<String>,
        records: Records<'_>,
        constant: Option<f64>,
        contributions: impl Fn(&[Vec<f64>]) -> Vec<f64>,
    ) -> Self {
        let (before, after) = (contributions(records.before), contributions(records.after));
        let differences: Vec<f64> = after
            .iter()
            .zip(&before)
            .map(|(after, before)| after - before)
            .collect();
        let estimate = |values: &[f64]| Estimate {
            value: mean(values),
            error: standard_error(values),
        };
        Self {
            name: name.into(),
            count: before.len(),
            before: estimate(&before),
            after: estimate(&after),
            difference_error: standard_error(&differences),
            bare: records.bare.map(|bare| mean(&contributions(bare))),
            constant,
        }
    }

    /// Returns a metric of all examples together, with errors from a paired bootstrap. `score` computes it from the
    /// examples with these indices, in the records of one model.
    #[must_use]
    pub fn bootstrapped(
        name: impl Into<String>,
        records: Records<'_>,
        score: impl Fn(&[Vec<f64>], &[usize]) -> f64,
    ) -> Self {
        let all: Vec<usize> = (0..records.before.len()).collect();
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let mut resampled: [Vec<f64>; 3] = Default::default();
        for _ in 0..RESAMPLES {
            let rows: Vec<usize> = all
                .iter()
                .map(|_| random.random_range(0..all.len()))
                .collect();
            let (before, after) = (score(records.before, &rows), score(records.after, &rows));
            for (list, value) in resampled.iter_mut().zip([before, after, after - before]) {
                list.push(value);
            }
        }
        let [before, after, difference_error] = resampled.map(|values| deviation(&values));
        let estimate = |records: &[Vec<f64>], error: f64| Estimate {
            value: score(records, &all),
            error,
        };
        Self {
            name: name.into(),
            count: records.before.len(),
            before: estimate(records.before, before),
            after: estimate(records.after, after),
            difference_error,
            bare: records.bare.map(|bare| score(bare, &all)),
            constant: None,
        }
    }
}

/// Returns contributions whose mean is `sum of numerators / sum of denominators`, for ratios such as an F1 score. Their
/// standard error is that of the ratio by the delta method.
#[must_use]
pub fn ratio(parts: &[(f64, f64)]) -> Vec<f64> {
    let numerator: f64 = parts.iter().map(|(numerator, _)| numerator).sum();
    let denominator: f64 = parts.iter().map(|(_, denominator)| denominator).sum();
    if denominator == 0.0 {
        return vec![0.0; parts.len()];
    }
    let ratio = numerator / denominator;
    let scale = parts.len() as f64 / denominator;
    let parts = parts.iter();
    parts
        .map(|(numerator, denominator)| ratio + scale * (numerator - ratio * denominator))
        .collect()
}
