//! Timing of forward passes.

use std::time::Instant;

use candle_core::{Device, Result, Tensor};

use crate::data::dataset::Dataset;
use crate::data::example::Example;
use crate::model::batch::{Batch, Input};
use crate::model::chain::Model;
use crate::model::mask::Masks;

/// Number of rows in a timed batch.
pub const ROWS: usize = 8;

/// Returns a batch of [`ROWS`] rows with the data's rounded mean length. The tokens of each example are repeated or
/// cropped to this length.
///
/// # Errors
/// Does not fail in practice: all shapes come from the data.
pub fn mean_batch(data: &Dataset) -> Result<Batch> {
    let length = (data.extent().mean().round() as usize).max(1);
    let rows: Vec<usize> = (0..data.examples.len()).cycle().take(ROWS).collect();
    let fitted = |of: fn(&Example) -> &[u32]| -> Result<Tensor> {
        let values = rows
            .iter()
            .flat_map(|&row| of(&data.examples[row]).iter().copied().cycle().take(length));
        Tensor::from_vec(values.collect::<Vec<u32>>(), (ROWS, length), &Device::Cpu)
    };
    let input = Input::Tokens {
        ids: fitted(|example| &example.ids)?,
        types: fitted(|example| &example.types)?,
    };
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
