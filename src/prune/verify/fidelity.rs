//! Similarity of the pruned model to the original, measured without labels. The same pass over the rows records what the
//! metrics need of both models.

use candle_core::{D, Result};

use super::run::{Numbered, divergence, features_and_answers, joined, recorded};
use crate::answer::task::Answer;
use crate::data::dataset::Batches;
use crate::model::batch::Batch;
use crate::model::chain::Model;
use crate::prune::answers::Answers;
use crate::prune::failure::Failure;
use crate::prune::lanes;
use crate::prune::report::Fidelity;
use crate::prune::watch::Watch;

/// The result of a comparison of two models.
pub struct Compared {
    /// The similarity of their features and answers.
    pub fidelity: Fidelity,
    /// What the metrics need of the answers of the original model, in the order of the rows. Empty if labels are not read.
    pub before: Vec<Vec<f64>>,
    /// The same of the pruned model.
    pub after: Vec<Vec<f64>>,
}

/// Sums over one batch.
#[derive(Default)]
struct Sums {
    rows: usize,
    agreement: Option<f64>,
    divergence: f64,
    positions: usize,
    cosine: f64,
    /// The records of both models.
    records: [Numbered; 2],
}

/// Compares both models on these batches.
///
/// # Errors
/// Returns an error if the job must stop or if a graph fails.
pub fn fidelity(
    answer: &dyn Answer,
    original: &Model,
    cut: &Model,
    batches: &Batches<'_>,
    watch: &dyn Watch,
) -> std::result::Result<Compared, Failure> {
    let parts = lanes::run(batches.len(), |index| {
        watch.proceed()?;
        let batch = batches.load(index)?;
        Ok(compare(answer, [original, cut], batches, &batch)?)
    })?;
    let mut total = Sums::default();
    let mut records = [Vec::new(), Vec::new()];
    for part in parts {
        for (records, part) in records.iter_mut().zip(part.records) {
            records.push(part);
        }
        total.rows += part.rows;
        total.agreement = sum(total.agreement, part.agreement);
        total.divergence += part.divergence;
        total.positions += part.positions;
        total.cosine += part.cosine;
    }
    let rows = total.rows.max(1) as f64;
    let fidelity = Fidelity {
        rows: total.rows,
        agreement: total.agreement.map(|agreement| agreement / rows),
        divergence: total.divergence / rows,
        feature_cosine: total.cosine / total.positions.max(1) as f64,
    };
    let [before, after] = records.map(joined);
    Ok(Compared {
        fidelity,
        before,
        after,
    })
}

fn compare(
    answer: &dyn Answer,
    [original, cut]: [&Model; 2],
    batches: &Batches<'_>,
    batch: &Batch,
) -> Result<Sums> {
    let (before, after) = (
        features_and_answers(original, batch)?,
        features_and_answers(cut, batch)?,
    );
    let product = (&before.0 * &after.0)?.sum(D::Minus1)?;
    let norms = (before.0.sqr()?.sum(D::Minus1)? * after.0.sqr()?.sum(D::Minus1)?)?.sqrt()?;
    let cosines = (product / norms)?;
    let (before, after) = (
        Answers::with_queries(&before.1)?,
        Answers::with_queries(&after.1)?,
    );
    let agreements = before.rows().zip(after.rows());
    let agreements = agreements.map(|(before, after)| answer.agreement(before, after));
    Ok(Sums {
        rows: batch.len(),
        agreement: agreements.fold(None, sum),
        divergence: divergence(answer, [&before, &after]),
        positions: cosines.elem_count(),
        cosine: f64::from(cosines.sum_all()?.to_scalar::<f32>()?),
        records: [&before, &after].map(|answers| recorded(answer, batches, batch, answers)),
    })
}

/// Returns the sum of the numbers that exist.
fn sum(left: Option<f64>, right: Option<f64>) -> Option<f64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left + right),
        (one, other) => one.or(other),
    }
}
