//! Values with a pullback, which maps a cotangent on the value to a cotangent on its input (a vector-Jacobian
//! product). Weights are never differentiated.
//!
//! A cotangent may hold several copies of the value's rows, `[copies * rows, ..]`: one copy per probe. All
//! probes go back together and read the same activations.

use candle_core::{Result, Tensor};

use super::kernel::scale;
use super::storage::{on_cpu, read, rewrite};

/// Maps a cotangent on the value to a cotangent on the input. It takes ownership of its argument and may overwrite it.
pub type Pullback<T = Tensor, P = T> = Box<dyn Fn(T) -> Result<P> + Send + Sync>;

/// A value with its pullback.
pub struct Traced<T = Tensor, P = T> {
    /// The value.
    pub value: T,
    /// The pullback.
    pub pull: Pullback<T, P>,
}

impl<T: Clone + 'static> Traced<T> {
    /// Returns the input itself as the value.
    #[must_use]
    pub fn identity(input: &T) -> Self {
        Self {
            value: input.clone(),
            pull: Box::new(Ok),
        }
    }

    /// Appends a step to this one.
    ///
    /// # Errors
    /// Returns the error of the step.
    pub fn then(self, step: impl FnOnce(&T) -> Result<Self>) -> Result<Self> {
        let (before, next) = (self.pull, step(&self.value)?);
        Ok(Self {
            value: next.value,
            pull: Box::new(move |cotangent| before((next.pull)(cotangent)?)),
        })
    }
}

/// Multiplies each copy in the cotangent by the same factors, in place on the CPU.
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

/// Reshapes a cotangent so that its copies are a separate first dimension before the dimensions of `like`.
pub(super) fn by_copy(cotangent: &Tensor, like: &Tensor) -> Result<Tensor> {
    let copies = cotangent.elem_count() / like.elem_count().max(1);
    let shape: Vec<usize> = std::iter::once(copies)
        .chain(like.dims().iter().copied())
        .collect();
    cotangent.reshape(shape)
}
