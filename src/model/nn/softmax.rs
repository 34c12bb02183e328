//! Softmax over groups of neighboring channels.

use candle_core::{D, Result, Tensor};

use super::kernel::{Path, softmax, threads};
use super::storage::{on_cpu, rewrite};

/// Replaces each group of `size` neighboring channels by its softmax: `[.., groups * size]` to the same shape.
///
/// # Errors
/// Returns an error if the channels do not divide into such groups.
pub fn of_groups(stream: &Tensor, size: usize) -> Result<Tensor> {
    let channels = stream.dim(D::Minus1)?;
    if !channels.is_multiple_of(size) {
        candle_core::bail!("{channels} channels do not divide into groups of {size}");
    }
    if stream.elem_count() == 0 {
        return Ok(stream.clone());
    }
    if !on_cpu(stream) {
        let groups = stream.reshape((stream.elem_count() / size, size))?;
        let weights = candle_nn::ops::softmax(&groups, D::Minus1)?;
        return weights.reshape(stream.shape());
    }
    let weights = stream.contiguous()?.copy()?;
    rewrite(&weights, &|values| {
        threads::by_rows(values, size, |_, values| {
            softmax::softmax(values, size, 1.0, Path::Fastest);
        });
        Ok(())
    })?;
    Ok(weights)
}
