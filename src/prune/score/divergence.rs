//! Divergence of the logits: KL divergence at a temperature for classification, squared error for regression.

use crate::checkpoint::config::Problem;

/// Returns the mean over rows of `T^2 KL(softmax(reference / T) || softmax(changed / T))`, or of the squared
/// difference for regression. Both inputs are row-major, `[rows, classes]`.
///
/// The factor `T^2` makes the size of the term independent of the temperature (Hinton et al. 2015).
#[must_use]
pub fn divergence(problem: &Problem, reference: &[f32], changed: &[f32], temperature: f64) -> f64 {
    match problem {
        Problem::Regression => mean(
            reference
                .iter()
                .zip(changed)
                .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)),
        ),
        Problem::Classification { labels } => {
            let rows = reference
                .chunks_exact(labels.len())
                .zip(changed.chunks_exact(labels.len()));
            temperature * temperature * mean(rows.map(|(a, b)| row_divergence(a, b, temperature)))
        }
    }
}

/// Returns `sum p (log p - log q)` of one row.
fn row_divergence(reference: &[f32], changed: &[f32], temperature: f64) -> f64 {
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

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1);
    values.sum::<f64>() / count as f64
}
