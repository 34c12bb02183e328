//! Similarity of the pruned model to the original, measured without labels. The same pass over the rows records what the
//! metrics need of both models.

use candle_core::{D, Result};

use super::changed::{Change, Changed, Kind};
use super::run::{Numbered, divergences, joined, recorded};
use super::trajectory::{self, Damage, Models};
use crate::answer::task::{Answer, Example};
use crate::data::dataset::Batches;
use crate::model::batch::Batch;
use crate::model::hidden::Hidden;
use crate::model::layer::Layer;
use crate::prune::answers::Answers;
use crate::prune::failure::Failure;
use crate::prune::lanes;
use crate::prune::report::{ChangedRow, Fidelity, TrajectoryReport};
use crate::prune::watch::Watch;

/// The result of a comparison of two models.
pub struct Compared {
    /// The similarity of their features and answers.
    pub fidelity: Fidelity,
    /// The damage along the trajectory. `None` if no features were compared.
    pub trajectory: Option<TrajectoryReport>,
    /// The rows whose answers changed most.
    pub changed_rows: Vec<ChangedRow>,
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
    damage: Damage,
    /// The records of both models.
    records: [Numbered; 2],
}

/// Compares both models on these batches. At most `most_shown` changed rows are kept.
///
/// # Errors
/// Returns an error if the job must stop or if a graph fails.
pub fn fidelity(
    answer: &dyn Answer,
    models: Models<'_>,
    batches: &Batches<'_>,
    most_shown: usize,
    watch: &dyn Watch,
) -> std::result::Result<Compared, Failure> {
    let changed = Changed::new(answer, batches.examples(), most_shown);
    let parts = lanes::run(batches.len(), |index| {
        watch.proceed()?;
        let batch = batches.load(index)?;
        let mut damage = Damage::default();
        let wanted = trajectory::compares(index, batches.len()).then_some(&mut damage);
        let both = models.follow(&batch, wanted)?;
        let sums = compare(answer, models, both, batches, &batch, &changed)?;
        Ok(Sums { damage, ..sums })
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
        total.damage.add(&part.damage);
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
        trajectory: total.damage.report(&models),
        changed_rows: changed.rows(),
        before,
        after,
    })
}

/// Compares the last features and the answers to a batch.
fn compare(
    answer: &dyn Answer,
    models: Models<'_>,
    [before, after]: [Hidden; 2],
    batches: &Batches<'_>,
    batch: &Batch,
    changed: &Changed<'_>,
) -> Result<Sums> {
    let product = (&before.stream * &after.stream)?.sum(D::Minus1)?;
    let [own, other] = [&before, &after].map(|features| features.stream.sqr()?.sum(D::Minus1));
    let cosines = (product / (own? * other?)?.sqrt()?)?;
    let (before, after) = (
        Answers::with_queries(&models.original.head.forward(&before)?)?,
        Answers::with_queries(&models.cut.head.forward(&after)?)?,
    );
    let records = [&before, &after].map(|answers| recorded(answer, batches, batch, answers));
    let wrong = records[0].iter().zip(&records[1]);
    let wrong = wrong.filter(|((_, before), (_, after))| answer.became_wrong(before, after));
    let wrong: Vec<usize> = wrong.map(|((row, _), _)| *row).collect();
    let mut sums = Sums {
        rows: batch.len(),
        positions: cosines.elem_count(),
        cosine: f64::from(cosines.sum_all()?.to_scalar::<f32>()?),
        records,
        ..Sums::default()
    };
    let answers = before.rows().zip(after.rows()).zip(&batch.rows);
    let answers = answers.zip(divergences(answer, [&before, &after]));
    for (((before, after), &row), divergence) in answers {
        let agreement = answer.agreement(before, after);
        sums.agreement = sum(sums.agreement, agreement);
        sums.divergence += divergence;
        let kind = match agreement {
            _ if wrong.contains(&row) => Kind::Wrong,
            Some(agreement) if agreement < 1.0 => Kind::Other,
            _ => Kind::Same,
        };
        let passage = batches.examples().passage(row);
        let example = Example {
            before: before.within(passage),
            after: after.within(passage),
            truth: batches.truth(row),
            positions: &[],
        };
        let change = Change {
            kind,
            divergence,
            example: row,
        };
        changed.offer(change, example);
    }
    Ok(sums)
}

/// Returns the sum of the numbers that exist.
fn sum(left: Option<f64>, right: Option<f64>) -> Option<f64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left + right),
        (one, other) => one.or(other),
    }
}
