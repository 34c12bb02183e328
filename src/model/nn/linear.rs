//! A linear map.

use candle_core::{Result, Tensor};

use super::activation::Activation;
use super::biased::{finish_product, finish_traced};
use super::meter;
use super::traced::Traced;
use crate::onnx::graph::Graph;
use crate::onnx::value::Value;

/// `y = x W^T + b` with `W` `[out, in]` and `b` `[out]`, as Hugging Face stores them. `in` and `out` may be 0.
/// With 0 inputs, after the removal of all units, the map still adds its bias.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Creates a map from a weight `[out, in]` and a bias `[out]`, which may be missing.
    #[must_use]
    pub fn new(weight: Tensor, bias: impl Into<Option<Tensor>>) -> Self {
        let bias = bias.into();
        Self { weight, bias }
    }

    /// Returns the number of inputs.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.weight.dims()[1]
    }

    /// Returns the number of outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.weight.dims()[0]
    }

    /// Returns the weight, `[out, in]`.
    #[must_use]
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// Returns the bias, `[out]`, if there is one.
    #[must_use]
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// Returns the bias, or zeros `[out]`.
    ///
    /// # Errors
    /// Returns an error if the device is out of memory.
    pub(in crate::model) fn bias_or_zeros(&self) -> Result<Tensor> {
        match &self.bias {
            Some(bias) => Ok(bias.clone()),
            None => Tensor::zeros(self.outputs(), self.weight.dtype(), self.weight.device()),
        }
    }

    /// Applies the map: `[.., in]` to `[.., out]`.
    ///
    /// # Errors
    /// Returns an error if the last dimension is not `in`.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        match &self.bias {
            Some(bias) => finish_product(self.product(input)?, bias, None),
            None => self.product(input),
        }
    }

    /// Applies the map and then the activation: `[.., in]` to `[.., out]`.
    ///
    /// # Errors
    /// Returns an error if the last dimension is not `in`.
    pub fn forward_activated(&self, input: &Tensor, activation: Activation) -> Result<Tensor> {
        finish_product(
            self.product(input)?,
            &self.bias_or_zeros()?,
            Some(activation),
        )
    }

    /// Computes the same as [`forward`](Self::forward), with a pullback.
    ///
    /// # Errors
    /// Returns an error if the last dimension is not `in`.
    pub fn traced(&self, input: &Tensor) -> Result<Traced> {
        let linear = self.clone();
        Ok(Traced {
            value: self.forward(input)?,
            pull: Box::new(move |cotangent| linear.pull(&cotangent)),
        })
    }

    /// Computes the same as [`forward_activated`](Self::forward_activated), with a pullback.
    ///
    /// # Errors
    /// Returns an error if the last dimension is not `in`.
    pub fn traced_activated(&self, input: &Tensor, activation: Activation) -> Result<Traced> {
        let product = self.product(input)?;
        let Traced { value, pull } = finish_traced(product, &self.bias_or_zeros()?, activation)?;
        let linear = self.clone();
        Ok(Traced {
            value,
            pull: Box::new(move |cotangent| linear.pull(&pull(cotangent)?)),
        })
    }

    /// Writes the map, which has inputs and outputs, into an ONNX graph: `[.., in]` to `[.., out]`.
    ///
    /// # Errors
    /// Returns an error if a weight cannot be read.
    pub fn onnx(&self, graph: &mut Graph, input: &Value) -> Result<Value> {
        let weight = graph.weight(&self.weight.t()?);
        let product = graph.apply("MatMul", &[input, &weight]);
        Ok(match &self.bias {
            Some(bias) => {
                let bias = graph.weight(bias);
                graph.apply("Add", &[&product, &bias])
            }
            None => product,
        })
    }

    /// Returns the map times a factor.
    ///
    /// # Errors
    /// Returns an error if the device is out of memory.
    pub fn scaled(&self, factor: f64) -> Result<Self> {
        let bias = self.bias.as_ref().map(|bias| bias * factor);
        Ok(Self::new((&self.weight * factor)?, bias.transpose()?))
    }

    /// Pulls a cotangent back: `[.., out]` to `[.., in]`.
    ///
    /// # Errors
    /// Returns an error if the last dimension is not `out`.
    pub fn pull(&self, cotangent: &Tensor) -> Result<Tensor> {
        let (outputs, inputs) = self.weight.dims2()?;
        times(cotangent, &self.weight, outputs, inputs)
    }

    /// Returns `x W^T` without the bias, in newly allocated memory. The result is zeros if `in` is 0.
    ///
    /// # Errors
    /// Returns an error if the last dimension is not `in`.
    pub(super) fn product(&self, input: &Tensor) -> Result<Tensor> {
        let (outputs, inputs) = self.weight.dims2()?;
        times(input, &self.weight.t()?, inputs, outputs)
    }
}

/// Multiplies `[.., inputs]` by `[inputs, outputs]`. The result is zeros if `inputs` is 0.
fn times(input: &Tensor, matrix: &Tensor, inputs: usize, outputs: usize) -> Result<Tensor> {
    let mut shape = input.dims().to_vec();
    let last = shape.pop().unwrap_or_default();
    if last != inputs {
        candle_core::bail!("a linear map with {inputs} inputs received {last}");
    }
    let rows: usize = shape.iter().product();
    shape.push(outputs);
    if inputs == 0 || outputs == 0 {
        return Tensor::zeros(shape, input.dtype(), input.device());
    }
    meter::count(rows * inputs * outputs);
    // One product over all rows. A batched product would run as many small products.
    input
        .reshape((rows, inputs))?
        .matmul(matrix)?
        .reshape(shape)
}
