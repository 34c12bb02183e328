//! The magnitude of units, the usual baseline of structured pruning: it needs no data.

use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::unit::{ParamSlice, UnitGroup};
use crate::prune::failure::Failure;

/// Returns the squared norm of each unit's weights, divided by the mean of its group, so that groups whose weights have
/// another scale compare. Vectors, such as biases and norms, do not count. One list per group.
///
/// # Errors
/// Returns a [`Failure`] if a tensor cannot be read.
pub(super) fn magnitudes(
    weights: &Weights,
    groups: &[UnitGroup],
) -> Result<Vec<Vec<f64>>, Failure> {
    let groups = groups.iter().map(|group| of_group(weights, group));
    Ok(groups.collect::<Result<_, _>>()?)
}

fn of_group(weights: &Weights, group: &UnitGroup) -> Result<Vec<f64>, CheckpointError> {
    let mut sums = vec![0.0; group.width];
    for slice in &group.slices {
        add(weights, slice, &mut sums)?;
    }
    let mean = sums.iter().sum::<f64>() / group.width.max(1) as f64;
    let sums = sums.into_iter();
    Ok(sums.map(|sum| sum / mean.max(f64::MIN_POSITIVE)).collect())
}

/// Adds the squares of a slice of each unit.
fn add(weights: &Weights, slice: &ParamSlice, sums: &mut [f64]) -> Result<(), CheckpointError> {
    let Some(shape) = weights.shape(&slice.tensor).filter(|shape| shape.len() > 1) else {
        return Ok(());
    };
    let values = weights.values(&slice.tensor, shape)?;
    let inner: usize = shape[slice.dim + 1..].iter().product();
    let outer = values.chunks_exact(shape[slice.dim] * inner);
    for values in outer {
        for (unit, sum) in sums.iter_mut().enumerate() {
            let own = slice.indices(unit);
            let own = &values[own.start * inner..own.end * inner];
            *sum += own
                .iter()
                .map(|&value| f64::from(value).powi(2))
                .sum::<f64>();
        }
    }
    Ok(())
}
