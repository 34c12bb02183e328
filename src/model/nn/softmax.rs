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

/// Pulls a cotangent on the result of [`of_groups`], `[copies * rows, ..]`, back to its input. `weights` is the result,
/// `[rows, ..]`.
///
/// # Errors
/// Returns an error if shapes do not match.
pub fn pull(weights: &Tensor, cotangent: &Tensor, size: usize) -> Result<Tensor> {
    let copies = cotangent.elem_count() / weights.elem_count().max(1);
    let groups = weights.elem_count() / size;
    let weights = weights.reshape((1, groups, size))?;
    let given = cotangent.reshape((copies, groups, size))?;
    let along = given.broadcast_mul(&weights)?.sum_keepdim(2)?;
    let pulled = given.broadcast_sub(&along)?.broadcast_mul(&weights)?;
    pulled.reshape(cotangent.shape())
}
