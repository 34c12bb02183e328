//! Forward time of both models, measured alternately so that disturbances of the machine affect both.

use crate::data::dataset::Dataset;
use crate::model::chain::Model;
use crate::prune::failure::Failure;
use crate::prune::report::{BeforeAfter, Latency};
use crate::prune::timing::{in_turns, mean_batch};
use crate::statistics::median;

/// Number of timed pairs of forward passes.
const ROUNDS: usize = 15;

/// Number of pairs that run before the timed ones and are not counted.
const WARM_UP: usize = 2;

/// Times both models on a batch of this number of rows of the data's mean length.
///
/// # Errors
/// Returns an error if an example cannot be read or a graph fails.
pub fn measure(
    original: &Model,
    cut: &Model,
    data: &Dataset,
    rows: usize,
) -> Result<Latency, Failure> {
    let batch = mean_batch(data, rows)?;
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
