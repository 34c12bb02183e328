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
