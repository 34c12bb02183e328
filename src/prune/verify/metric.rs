//! Metrics of logits on labeled rows: accuracy, or Spearman's rank correlation.

use crate::checkpoint::config::Problem;
use crate::data::label::Label;

/// Returns the name of a problem's metric.
#[must_use]
pub fn name(problem: &Problem) -> &'static str {
    match problem {
        Problem::Classification { .. } => "accuracy",
        Problem::Regression => "spearman",
    }
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

/// Returns 1 if the predicted class is the label, 0 if not, and NaN if the label is not a class.
#[must_use]
pub fn right(logits: &[f32], label: &Label) -> f64 {
    match label {
        Label::Class(class) => f64::from(u8::from(predicted(logits) == *class)),
        Label::Value(_) => f64::NAN,
    }
}

/// Returns Spearman's rank correlation of two lists. Ties share their mean rank. Returns 0 if one list is constant.
#[must_use]
pub fn spearman(left: &[f64], right: &[f64]) -> f64 {
    let (left, right) = (ranks(left), ranks(right));
    let mean = (left.len() as f64 - 1.0) / 2.0;
    let (mut both, mut of_left, mut of_right) = (0.0, 0.0, 0.0);
    for (a, b) in left.iter().zip(&right) {
        both += (a - mean) * (b - mean);
        of_left += (a - mean).powi(2);
        of_right += (b - mean).powi(2);
    }
    let scale = (of_left * of_right).sqrt();
    if scale > 0.0 { both / scale } else { 0.0 }
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = first as f64 + (tied.len() as f64 - 1.0) / 2.0;
        tied.iter().for_each(|&index| ranks[index] = rank);
        first += tied.len();
    }
    ranks
}
