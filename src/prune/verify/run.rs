//! Runs both models over the same rows.

use candle_core::{Result, Tensor};

use crate::data::dataset::Dataset;
use crate::model::batch::Batch;
use crate::model::chain::Model;
use crate::model::hidden::Hidden;
use crate::model::layer::Layer;
use crate::model::mask::Masks;
use crate::prune::failure::Failure;
use crate::prune::lanes;
use crate::prune::watch::Watch;

/// Maximum number of positions in one forward pass.
pub const BATCH_POSITIONS: usize = 1_024;

/// Returns batches of all rows of a data set.
///
/// # Errors
/// Does not fail in practice: the data already fits into memory.
pub fn batches(data: &Dataset) -> std::result::Result<Vec<Batch>, Failure> {
    Ok(data.batches(BATCH_POSITIONS)?)
}

/// Returns the last features `[rows, length, hidden]` and the logits of a batch.
///
/// # Errors
/// Returns an error if the batch does not match the graph.
pub fn features_and_logits(model: &Model, batch: &Batch) -> Result<(Tensor, Tensor)> {
    let features = model.features(batch, &Masks::full(&model.groups))?;
    let answers = model.head.forward(&features)?;
    Ok((features.stream, answers.stream.flatten(1, 2)?))
}

/// Runs `forward` on all batches and returns the logits of every row, in the order of the rows.
///
/// # Errors
/// Returns an error if the job must stop or if the graph fails.
pub fn logits(
    batches: &[Batch],
    watch: &dyn Watch,
    forward: impl Fn(&Batch) -> Result<Hidden> + Sync,
) -> std::result::Result<Vec<Vec<f32>>, Failure> {
    let answers = lanes::run(batches.len(), |index| {
        watch.proceed()?;
        let batch = &batches[index];
        let logits = forward(batch)?.stream.flatten(1, 2)?.to_vec2::<f32>()?;
        Ok(batch.rows.iter().copied().zip(logits).collect::<Vec<_>>())
    })?;
    let mut rows = answers.concat();
    rows.sort_by_key(|(row, _)| *row);
    Ok(rows.into_iter().map(|(_, logits)| logits).collect())
}
