//! A linear map at every position, with an optional activation.

use candle_core::{Result, Tensor};

use super::StreamLayer;
use crate::model::extent::Extent;
use crate::model::nn::activation::Activation;
use crate::model::nn::linear::Linear;
use crate::model::nn::traced::Traced;
use crate::model::symbol::state::State;
use crate::model::symbol::stream::Stream;
use crate::model::width::Widths;
use crate::model::work::{Width, Work};
use crate::onnx::graph::Graph;

/// `activation(x W^T + b)`: `[rows, positions, in]` to `[rows, positions, out]`.
pub struct Dense {
    linear: Linear,
    activation: Option<Activation>,
    /// Tensor name of the weight.
    weight: String,
    /// Row of the stored tensor with which the weight begins.
    first: usize,
}

impl Dense {
    /// Creates a layer from a linear map and the tensor name of its weight.
    #[must_use]
    pub fn new(weight: String, linear: Linear) -> Self {
        Self {
            linear,
            activation: None,
            weight,
            first: 0,
        }
    }

    /// Sets the row of the stored tensor with which the weight begins. It is not 0 for the later parts of a fused map.
    #[must_use]
    pub fn from_row(self, first: usize) -> Self {
        Self { first, ..self }
    }

    /// Adds an activation after the map.
    #[must_use]
    pub fn activated(self, activation: Activation) -> Self {
        Self {
            activation: Some(activation),
            ..self
        }
    }

    /// Returns the linear map.
    #[must_use]
    pub fn linear(&self) -> &Linear {
        &self.linear
    }

    /// Returns the number of outputs as a function of the kept units.
    #[must_use]
    pub fn outputs(&self, widths: &Widths<'_>) -> Width {
        let rows = self.first..self.first + self.linear.outputs();
        widths.of(&self.weight, 0, rows)
    }

    /// Returns the number of inputs as a function of the kept units.
    #[must_use]
    pub fn inputs(&self, widths: &Widths<'_>) -> Width {
        widths.of(&self.weight, 1, 0..self.linear.inputs())
    }
}

impl StreamLayer for Dense {
    fn forward(&self, stream: &Tensor) -> Result<Tensor> {
        match self.activation {
            Some(activation) => self.linear.forward_activated(stream, activation),
            None => self.linear.forward(stream),
        }
    }

    fn traced(&self, stream: &Tensor) -> Result<Traced> {
        match self.activation {
            Some(activation) => self.linear.traced_activated(stream, activation),
            None => self.linear.traced(stream),
        }
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<Stream> {
        let stream = input.stream.positions(graph);
        let output = self.linear.onnx(graph, &stream)?;
        Ok(Stream::Positions(match self.activation {
            Some(activation) => activation.onnx(graph, &output),
            None => output,
        }))
    }

    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let (inputs, outputs) = (self.inputs(widths), self.outputs(widths));
        let written = extent.mean() * outputs.full;
        Work {
            macs: &inputs * &outputs * extent.mean(),
            written,
            // The derivatives of the activation, and the values, which the next layer may read.
            remembered: written * if self.activation.is_some() { 2.0 } else { 1.0 },
        }
    }
}
