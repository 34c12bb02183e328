//! Forward time of both models, in turns, so that what disturbs the machine disturbs both.

use std::time::Instant;

use candle_core::{Device, Result, Tensor};

use crate::data::dataset::Dataset;
use crate::model::PrunableModel;
use crate::model::batch::{Batch, Input};
use crate::model::mask::Masks;
use crate::prune::report::{BeforeAfter, Latency};

/// Rows of the timed batch.
const ROWS: usize = 8;

/// Pairs that are timed, after two that are not.
const ROUNDS: usize = 15;
const WARM_UP: usize = 2;

/// Times both models on rows of the data's mean length.
///
/// # Errors
/// When a graph fails.
pub fn measure(
    original: &dyn PrunableModel,
    cut: &dyn PrunableModel,
    data: &Dataset,
) -> Result<Latency> {
    let batch = mean_batch(data)?;
    let mut times: Vec<(f64, f64)> = Vec::with_capacity(ROUNDS);
    for round in 0..WARM_UP + ROUNDS {
        // Whoever goes second finds a warmer machine: they take turns at that, too.
        let pair = if round % 2 == 0 {
            let before = forward_ms(original, &batch)?;
            (before, forward_ms(cut, &batch)?)
        } else {
            let after = forward_ms(cut, &batch)?;
            (forward_ms(original, &batch)?, after)
        };
        if round >= WARM_UP {
            times.push(pair);
        }
    }
    let median_of = |of: fn(&(f64, f64)) -> f64| median(times.iter().map(of).collect());
    Ok(Latency {
        batch: batch.len(),
        length: batch.length(),
        rounds: ROUNDS,
        median_ms: BeforeAfter {
            before: median_of(|pair| pair.0),
            after: median_of(|pair| pair.1),
        },
        speedup: median_of(|pair| pair.0 / pair.1),
    })
}

fn forward_ms(model: &dyn PrunableModel, batch: &Batch) -> Result<f64> {
    let full = Masks::full(model.groups());
    let start = Instant::now();
    let logits = model.forward(batch, &full)?;
    // A GPU answers before it has finished.
    logits.device().synchronize()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// Rows of the rounded mean length: each example's tokens, repeated or cropped to it.
fn mean_batch(data: &Dataset) -> Result<Batch> {
    let length = (data.mean_length().round() as usize).max(1);
    let rows: Vec<usize> = (0..data.examples.len()).cycle().take(ROWS).collect();
    let fitted = |of: fn(&crate::data::example::Example) -> &[u32]| -> Result<Tensor> {
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

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
