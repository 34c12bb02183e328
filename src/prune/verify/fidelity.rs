//! Similarity of the pruned model to the original, measured without labels.

use candle_core::{D, Result};

use super::metric::predicted;
use super::run::features_and_logits;
use crate::checkpoint::config::Problem;
use crate::model::batch::Batch;
use crate::model::chain::Model;
use crate::prune::failure::Failure;
use crate::prune::lanes;
use crate::prune::report::Fidelity;
use crate::prune::score::divergence::divergence;
use crate::prune::watch::Watch;

/// Sums over one batch.
#[derive(Default)]
struct Sums {
    rows: usize,
    agreeing: usize,
    divergence: f64,
    tokens: usize,
    cosine: f64,
}

/// Compares both models on these batches.
///
/// # Errors
/// Returns an error if the job must stop or if a graph fails.
pub fn fidelity(
    original: &Model,
    cut: &Model,
    batches: &[Batch],
    watch: &dyn Watch,
) -> std::result::Result<Fidelity, Failure> {
    let parts = lanes::run(batches.len(), |index| {
        watch.proceed()?;
        Ok(compare(original, cut, &batches[index])?)
    })?;
    let mut total = Sums::default();
    for part in parts {
        total.rows += part.rows;
        total.agreeing += part.agreeing;
        total.divergence += part.divergence;
        total.tokens += part.tokens;
        total.cosine += part.cosine;
    }
    let rows = total.rows.max(1) as f64;
    Ok(Fidelity {
        rows: total.rows,
        agreement: match &original.problem {
            Problem::Classification { .. } => Some(total.agreeing as f64 / rows),
            Problem::Regression => None,
        },
        divergence: total.divergence / rows,
        feature_cosine: total.cosine / total.tokens.max(1) as f64,
    })
}

fn compare(original: &Model, cut: &Model, batch: &Batch) -> Result<Sums> {
    let (before, after) = (
        features_and_logits(original, batch)?,
        features_and_logits(cut, batch)?,
    );
    let product = (&before.0 * &after.0)?.sum(D::Minus1)?;
    let norms = (before.0.sqr()?.sum(D::Minus1)? * after.0.sqr()?.sum(D::Minus1)?)?.sqrt()?;
    let cosine = (product / norms)?.sum_all()?.to_scalar::<f32>()?;
    let mut sums = Sums {
        rows: batch.len(),
        tokens: batch.len() * batch.length(),
        cosine: f64::from(cosine),
        ..Sums::default()
    };
    for (before, after) in before
        .1
        .to_vec2::<f32>()?
        .iter()
        .zip(after.1.to_vec2::<f32>()?)
    {
        sums.agreeing += usize::from(predicted(before) == predicted(&after));
        sums.divergence += divergence(&original.problem, before, &after, 1.0);
    }
    Ok(sums)
}
