//! Timing of forward passes.

use std::time::Instant;

use candle_core::Result;

use crate::data::dataset::Dataset;
use crate::data::error::DataError;
use crate::model::batch::Batch;
use crate::model::chain::Model;
use crate::model::mask::Masks;

/// Number of rows of the larger timed batches.
pub const ROWS: usize = 8;

/// Returns a batch of some rows with the data's rounded mean number of positions. Examples are repeated or cropped to
/// this number.
///
/// # Errors
/// Returns an error if an example cannot be read.
pub fn mean_batch(data: &Dataset, rows: usize) -> std::result::Result<Batch, DataError> {
    let length = (data.extent().mean().round() as usize).max(1);
    let rows: Vec<usize> = (0..data.len()).cycle().take(rows).collect();
    let input = data.examples.load_resized(&rows, length)?;
    Ok(Batch { rows, input })
}

/// Times two models alternately and returns `rounds` pairs of milliseconds. The first `warm_up` pairs are not counted.
///
/// # Errors
/// Returns an error if a graph fails.
pub fn in_turns(
    models: [&Model; 2],
    batch: &Batch,
    warm_up: usize,
    rounds: usize,
) -> Result<Vec<[f64; 2]>> {
    let [first, second] = models;
    let mut times = Vec::with_capacity(rounds);
    for round in 0..warm_up + rounds {
        // The second model of a pair runs on a warmer machine, so the order alternates.
        let pair = if round % 2 == 0 {
            let before = forward_ms(first, batch)?;
            [before, forward_ms(second, batch)?]
        } else {
            let after = forward_ms(second, batch)?;
            [forward_ms(first, batch)?, after]
        };
        if round >= warm_up {
            times.push(pair);
        }
    }
    Ok(times)
}

fn forward_ms(model: &Model, batch: &Batch) -> Result<f64> {
    let full = Masks::full(&model.groups);
    let start = Instant::now();
    let answers = model.forward(batch, &full)?;
    // A GPU returns before it has finished the computation.
    answers.stream.device().synchronize()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
