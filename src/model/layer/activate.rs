//! An activation function of each element.

use candle_core::{Result, Tensor};

use super::StreamLayer;
use crate::model::extent::Extent;
use crate::model::nn::activation::Activation;
use crate::model::nn::elementwise;
use crate::model::nn::traced::Traced;
use crate::model::symbol::state::State;
use crate::model::symbol::stream::Stream;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

/// `activation(x)` of each element of streams with a number of channels.
pub struct Activate {
    activation: Activation,
    channels: usize,
}

impl Activate {
    /// Creates a layer for streams with this number of channels.
    #[must_use]
    pub fn new(activation: Activation, channels: usize) -> Self {
        Self {
            activation,
            channels,
        }
    }
}

impl StreamLayer for Activate {
    fn forward(&self, stream: &Tensor) -> Result<Tensor> {
        elementwise::activate(stream, self.activation)
    }

    fn traced(&self, stream: &Tensor) -> Result<Traced> {
        elementwise::traced(stream, self.activation)
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<Stream> {
        Ok(input.stream.map(|value| self.activation.onnx(graph, value)))
    }

    fn work(&self, extent: &Extent, _: &Widths<'_>) -> Work {
        let written = extent.mean() * self.channels as f64;
        Work {
            written,
            // The derivatives.
            remembered: written,
            ..Work::default()
        }
    }
}
