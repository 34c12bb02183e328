//! Runs models over the same rows.

use candle_core::Result;

use crate::answer::task::Answer;
use crate::data::dataset::Batches;
use crate::model::batch::Batch;
use crate::model::hidden::Hidden;
use crate::prune::answers::Answers;
use crate::prune::failure::Failure;
use crate::prune::lanes;
use crate::prune::watch::Watch;

/// Maximum number of positions in one forward pass.
pub const BATCH_POSITIONS: usize = 1_024;

/// What the metrics need of the answers to some rows, each with the index of its row.
pub type Numbered = Vec<(usize, Vec<f64>)>;

/// Returns what the metrics need of a model's answers to a batch. Rows without a true answer are left out.
#[must_use]
pub fn recorded(
    answer: &dyn Answer,
    batches: &Batches<'_>,
    batch: &Batch,
    answers: &Answers,
) -> Numbered {
    let records = answers.rows().zip(&batch.rows);
    let records = records.filter_map(|(outputs, &row)| {
        let truth = batches.truth(row)?;
        let outputs = outputs.within(batches.examples().passage(row));
        Some((row, answer.record(outputs, truth)))
    });
    records.collect()
}

/// Returns the divergence of each row's answer from that of the original model.
pub fn divergences<'a>(
    answer: &'a dyn Answer,
    [before, after]: [&'a Answers; 2],
) -> impl Iterator<Item = f64> {
    let both = before.rows().zip(after.rows());
    both.map(|(before, after)| answer.divergence(before, after, 1.0))
}

/// Joins the records of all batches in the order of the rows.
#[must_use]
pub fn joined(records: impl IntoIterator<Item = Numbered>) -> Vec<Vec<f64>> {
    let mut rows: Numbered = records.into_iter().flatten().collect();
    rows.sort_by_key(|(row, _)| *row);
    rows.into_iter().map(|(_, record)| record).collect()
}

/// Runs `forward` on all batches and returns what the metrics need of the answers to every row, in the order of the
/// rows.
///
/// # Errors
/// Returns an error if the job must stop or if the graph fails.
pub fn records(
    answer: &dyn Answer,
    batches: &Batches<'_>,
    watch: &dyn Watch,
    forward: impl Fn(&Batch) -> Result<Hidden> + Sync,
) -> std::result::Result<Vec<Vec<f64>>, Failure> {
    let records = lanes::run(batches.len(), |index| {
        watch.proceed()?;
        let batch = batches.load(index)?;
        let answers = Answers::with_queries(&forward(&batch)?)?;
        Ok(recorded(answer, batches, &batch, &answers))
    })?;
    Ok(joined(records))
}
