//! Quality of both models on the same labeled rows, with standard errors.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::metric::{name, predicted, right};
use super::order;
use crate::checkpoint::config::Problem;
use crate::data::label::Label;
use crate::prune::report::{BeforeAfter, EvaluationReport};
use crate::prune::statistics::{deviation, mean, spearman, standard_error};

/// Half-width of a 95 % confidence interval, in standard errors.
const TWO_SIDED_95: f64 = 1.96;

/// Number of resamples of the paired bootstrap, which is used for a metric without a closed form of its error.
const RESAMPLES: usize = 1_000;

/// Compares the logits of two models on these labels. `bare` holds the logits of the pruned model without repair.
#[must_use]
pub fn compare(
    problem: &Problem,
    labels: &[Label],
    before: &[Vec<f32>],
    after: &[Vec<f32>],
    bare: Option<&[Vec<f32>]>,
) -> EvaluationReport {
    match problem {
        Problem::Classification { labels: classes } => {
            accuracy(classes, labels, before, after, bare)
        }
        Problem::Regression => correlation(labels, before, after, bare),
    }
}

fn accuracy(
    classes: &[String],
    labels: &[Label],
    before: &[Vec<f32>],
    after: &[Vec<f32>],
    bare: Option<&[Vec<f32>]>,
) -> EvaluationReport {
    let hits = |logits: &[Vec<f32>]| -> Vec<f64> {
        logits
            .iter()
            .zip(labels)
            .map(|(logits, label)| right(logits, label))
            .collect()
    };
    let truth = labels.iter().map(|label| match label {
        Label::Class(class) => *class,
        Label::Value(_) => 0,
    });
    let truth: Vec<usize> = truth.collect();
    let answers: Vec<usize> = before.iter().map(|logits| predicted(logits)).collect();
    let hint = order::hint(classes, &truth, &answers);
    let (before, after) = (hits(before), hits(after));
    let differences: Vec<f64> = after
        .iter()
        .zip(&before)
        .map(|(after, before)| after - before)
        .collect();
    let mut counts = vec![0usize; classes.len()];
    truth.iter().for_each(|&class| counts[class] += 1);
    EvaluationReport {
        metric: name(&Problem::Classification { labels: Vec::new() }).to_owned(),
        rows: labels.len(),
        score: BeforeAfter {
            before: mean(&before),
            after: mean(&after),
        },
        standard_error: BeforeAfter {
            before: standard_error(&before),
            after: standard_error(&after),
        },
        difference_interval: TWO_SIDED_95 * standard_error(&differences),
        without_compensation: bare.map(|logits| mean(&hits(logits))),
        constant: counts
            .iter()
            .max()
            .map(|&most| most as f64 / labels.len().max(1) as f64),
        unlabeled_rows: 0,
        hint,
    }
}

fn correlation(
    labels: &[Label],
    before: &[Vec<f32>],
    after: &[Vec<f32>],
    bare: Option<&[Vec<f32>]>,
) -> EvaluationReport {
    let truth = labels.iter().map(|label| match label {
        Label::Value(value) => f64::from(*value),
        Label::Class(class) => *class as f64,
    });
    let truth: Vec<f64> = truth.collect();
    let values = |logits: &[Vec<f32>]| -> Vec<f64> {
        logits.iter().map(|logits| f64::from(logits[0])).collect()
    };
    let (before, after) = (values(before), values(after));
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut resampled: [Vec<f64>; 3] = Default::default();
    for _ in 0..RESAMPLES {
        let rows: Vec<usize> = truth
            .iter()
            .map(|_| random.random_range(0..truth.len()))
            .collect();
        let pick = |values: &[f64]| -> Vec<f64> { rows.iter().map(|&row| values[row]).collect() };
        let drawn = pick(&truth);
        let (of_before, of_after) = (
            spearman(&pick(&before), &drawn),
            spearman(&pick(&after), &drawn),
        );
        for (list, value) in resampled
            .iter_mut()
            .zip([of_before, of_after, of_after - of_before])
        {
            list.push(value);
        }
    }
    let [of_before, of_after, difference] = resampled.map(|values| deviation(&values));
    EvaluationReport {
        metric: name(&Problem::Regression).to_owned(),
        rows: labels.len(),
        score: BeforeAfter {
            before: spearman(&before, &truth),
            after: spearman(&after, &truth),
        },
        standard_error: BeforeAfter {
            before: of_before,
            after: of_after,
        },
        difference_interval: TWO_SIDED_95 * difference,
        without_compensation: bare.map(|logits| spearman(&values(logits), &truth)),
        constant: None,
        unlabeled_rows: 0,
        hint: None,
    }
}
