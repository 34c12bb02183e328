//! Runs both models over the same rows.

use candle_core::{Result, Tensor};

use crate::data::dataset::Dataset;
use crate::model::PrunableModel;
use crate::model::batch::Batch;
use crate::model::mask::Masks;
use crate::prune::failure::Failure;
use crate::prune::lanes;
use crate::prune::watch::Watch;

/// Maximum number of tokens in one forward pass.
pub const BATCH_TOKENS: usize = 1_024;

/// Returns batches of all rows of a data set.
///
/// # Errors
/// Does not fail in practice: the data already fits into memory.
pub fn batches(data: &Dataset) -> std::result::Result<Vec<Batch>, Failure> {
    Ok(data.batches(BATCH_TOKENS)?)
}

/// Returns the last features `[rows, length, hidden]` and the logits of a batch.
///
/// # Errors
/// Returns an error if the batch does not match the graph.
pub fn features_and_logits(model: &dyn PrunableModel, batch: &Batch) -> Result<(Tensor, Tensor)> {
    let full = Masks::full(model.groups());
    let mut hidden = model.stem(batch)?;
    for block in 0..model.groups().len() {
        hidden = model.block(block, &hidden, &full)?;
    }
    let logits = model.head(&hidden)?;
    Ok((hidden, logits))
}

/// Runs `forward` on all batches and returns the logits of every row, in the order of the rows.
///
/// # Errors
/// Returns an error if the job must stop or if the graph fails.
pub fn logits(
    batches: &[Batch],
    watch: &dyn Watch,
    forward: impl Fn(&Batch) -> Result<Tensor> + Sync,
) -> std::result::Result<Vec<Vec<f32>>, Failure> {
    let answers = lanes::run(batches.len(), |index| {
        watch.proceed()?;
        let batch = &batches[index];
        let logits = forward(batch)?.to_vec2::<f32>()?;
        Ok(batch.rows.iter().copied().zip(logits).collect::<Vec<_>>())
    })?;
    let mut rows = answers.concat();
    rows.sort_by_key(|(row, _)| *row);
    Ok(rows.into_iter().map(|(_, logits)| logits).collect())
}
