//! A value together with the way back: from a cotangent on the value to the one on what it was made
//! of (a vector-Jacobian product). Weights are never differentiated.
//!
//! A cotangent may hold several copies of the value's rows, `[copies * rows, ..]`: as many probes go
//! back at once, and all read the same activations.

use candle_core::{Result, Tensor};

use super::kernel::scale;
use super::storage::{on_cpu, read, rewrite};

/// From a cotangent on the value to one on the input. The cotangent is given away: it may be
/// overwritten.
pub type Pullback = Box<dyn Fn(Tensor) -> Result<Tensor> + Send + Sync>;

/// A value and the way back from it.
pub struct Traced {
    /// The value.
    pub value: Tensor,
    /// The way back.
    pub pull: Pullback,
}

impl Traced {
    /// The input itself.
    #[must_use]
    pub fn identity(input: &Tensor) -> Self {
        Self {
            value: input.clone(),
            pull: Box::new(Ok),
        }
    }

    /// One more step after this one.
    ///
    /// # Errors
    /// What the step answers.
    pub fn then(self, step: impl FnOnce(&Tensor) -> Result<Self>) -> Result<Self> {
        let (before, next) = (self.pull, step(&self.value)?);
        Ok(Self {
            value: next.value,
            pull: Box::new(move |cotangent| before((next.pull)(cotangent)?)),
        })
    }
}

/// Elementwise `tanh`.
///
/// # Errors
/// Never on f32.
pub fn tanh(input: &Tensor) -> Result<Traced> {
    let value = input.tanh()?;
    let slopes = (1.0 - value.sqr()?)?;
    Ok(Traced {
        value,
        pull: Box::new(move |cotangent| times_each(cotangent, &slopes)),
    })
}

/// The first position of each row: `[rows, length, width]` to `[rows, width]`.
///
/// # Errors
/// When the input has no position.
pub fn first_position(input: &Tensor) -> Result<Traced> {
    let (_, length, width) = input.dims3()?;
    Ok(Traced {
        value: input.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?,
        pull: Box::new(move |cotangent| {
            let rest = (cotangent.dims()[0], length - 1, width);
            let rest = Tensor::zeros(rest, cotangent.dtype(), cotangent.device())?;
            Tensor::cat(&[&cotangent.unsqueeze(1)?, &rest], 1)?.contiguous()
        }),
    })
}

/// Each copy in the cotangent times the same factors; in place on the CPU.
pub(super) fn times_each(cotangent: Tensor, factors: &Tensor) -> Result<Tensor> {
    let cotangent = cotangent.contiguous()?;
    if !on_cpu(&cotangent) {
        let product = by_copy(&cotangent, factors)?.broadcast_mul(factors)?;
        return product.reshape(cotangent.shape());
    }
    rewrite(&cotangent, &|values| {
        read([factors], |[factors]| scale::each(values, factors))
    })?;
    Ok(cotangent)
}

/// A cotangent with its copies in a dimension of their own, `[copies, ..]` before the dimensions of `like`.
pub(super) fn by_copy(cotangent: &Tensor, like: &Tensor) -> Result<Tensor> {
    let copies = cotangent.elem_count() / like.elem_count().max(1);
    let shape: Vec<usize> = std::iter::once(copies)
        .chain(like.dims().iter().copied())
        .collect();
    cotangent.reshape(shape)
}
