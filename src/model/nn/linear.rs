//! A linear map.

use candle_core::{Result, Tensor};

use super::activation::Activation;
use super::biased::{finish_product, slopes};
use super::meter;
use super::traced::{Traced, times_each};

/// `y = x W^T + b` with `W` `[out, in]` and `b` `[out]`, as Hugging Face stores them. Either side
/// may be empty: a layer that lost all its units still adds its bias.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// From `[out, in]` and `[out]`.
    #[must_use]
    pub fn new(weight: Tensor, bias: Tensor) -> Self {
        Self { weight, bias }
    }

    /// `[out, in]`.
    #[must_use]
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// `[out]`.
    #[must_use]
    pub fn bias(&self) -> &Tensor {
        &self.bias
    }

    /// `[.., in]` to `[.., out]`.
    ///
    /// # Errors
    /// When the last dimension is not `in`.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        finish_product(self.product(input)?, &self.bias, None)
    }

    /// `[.., in]` to `[.., out]`, and the activation on it.
    ///
    /// # Errors
    /// When the last dimension is not `in`.
    pub fn forward_activated(&self, input: &Tensor, activation: Activation) -> Result<Tensor> {
        finish_product(self.product(input)?, &self.bias, Some(activation))
    }

    /// The same as [`forward`](Self::forward), with the way back.
    ///
    /// # Errors
    /// When the last dimension is not `in`.
    pub fn traced(&self, input: &Tensor) -> Result<Traced> {
        let linear = self.clone();
        Ok(Traced {
            value: self.forward(input)?,
            pull: Box::new(move |cotangent| linear.pull(&cotangent)),
        })
    }

    /// The same as [`forward_activated`](Self::forward_activated), with the way back.
    ///
    /// # Errors
    /// When the last dimension is not `in`.
    pub fn traced_activated(&self, input: &Tensor, activation: Activation) -> Result<Traced> {
        let product = self.product(input)?;
        let slopes = slopes(product.copy()?, &self.bias, activation)?;
        let linear = self.clone();
        Ok(Traced {
            value: finish_product(product, &self.bias, Some(activation))?,
            pull: Box::new(move |cotangent| linear.pull(&times_each(cotangent, &slopes)?)),
        })
    }

    /// The way back: a cotangent `[.., out]` to one `[.., in]`.
    ///
    /// # Errors
    /// When the last dimension is not `out`.
    pub fn pull(&self, cotangent: &Tensor) -> Result<Tensor> {
        let (outputs, inputs) = self.weight.dims2()?;
        times(cotangent, &self.weight, outputs, inputs)
    }

    /// `x W^T` alone, in memory of its own; zeros where there is no input.
    ///
    /// # Errors
    /// When the last dimension is not `in`.
    pub(super) fn product(&self, input: &Tensor) -> Result<Tensor> {
        let (outputs, inputs) = self.weight.dims2()?;
        times(input, &self.weight.t()?, inputs, outputs)
    }
}

/// `[.., inputs]` times `[inputs, outputs]`; zeros where either is empty.
fn times(input: &Tensor, matrix: &Tensor, inputs: usize, outputs: usize) -> Result<Tensor> {
    let mut shape = input.dims().to_vec();
    let last = shape.pop().unwrap_or_default();
    if last != inputs {
        candle_core::bail!("a linear map of {inputs} inputs was given {last}");
    }
    let rows: usize = shape.iter().product();
    shape.push(outputs);
    if inputs == 0 || outputs == 0 {
        return Tensor::zeros(shape, input.dtype(), input.device());
    }
    meter::count(rows * inputs * outputs);
    // One product over all rows: a batched one would run as many small ones.
    input
        .reshape((rows, inputs))?
        .matmul(matrix)?
        .reshape(shape)
}
