//! Forward time of both models, in turns, so that what disturbs the machine disturbs both.

use candle_core::Result;

use crate::data::dataset::Dataset;
use crate::model::PrunableModel;
use crate::prune::report::{BeforeAfter, Latency};
use crate::prune::timing::{in_turns, mean_batch, median};

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
    let times = in_turns([original, cut], &batch, WARM_UP, ROUNDS)?;
    let median_of = |of: fn(&[f64; 2]) -> f64| median(times.iter().map(of));
    Ok(Latency {
        batch: batch.len(),
        length: batch.length(),
        rounds: ROUNDS,
        median_ms: BeforeAfter {
            before: median_of(|pair| pair[0]),
            after: median_of(|pair| pair[1]),
        },
        speedup: median_of(|pair| pair[0] / pair[1]),
    })
}
