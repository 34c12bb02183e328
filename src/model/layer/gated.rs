//! Gated neurons: the product of an activated map and a plain map (Shazeer 2020).

use candle_core::{Result, Tensor};

use super::StreamLayer;
use super::dense::Dense;
use crate::model::extent::Extent;
use crate::model::nn::gate;
use crate::model::nn::traced::Traced;
use crate::model::symbol::state::State;
use crate::model::symbol::stream::Stream;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

/// `activation(W x + b) * (V x + c)`: `[rows, positions, in]` to `[rows, positions, neurons]`.
pub struct Gated {
    activated: Dense,
    plain: Dense,
}

impl Gated {
    /// Creates a layer from the activated map and the plain map, which have equally many outputs.
    #[must_use]
    pub fn new(activated: Dense, plain: Dense) -> Self {
        Self { activated, plain }
    }
}

impl StreamLayer for Gated {
    fn forward(&self, stream: &Tensor) -> Result<Tensor> {
        self.activated.forward(stream)? * self.plain.forward(stream)?
    }

    fn traced(&self, stream: &Tensor) -> Result<Traced> {
        gate::traced(self.activated.traced(stream)?, self.plain.traced(stream)?)
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<Stream> {
        let activated = StreamLayer::onnx(&self.activated, graph, input)?;
        let activated = activated.positions(graph);
        let plain = StreamLayer::onnx(&self.plain, graph, input)?;
        let plain = plain.positions(graph);
        let product = graph.apply("Mul", &[&activated, &plain]);
        Ok(Stream::Positions(product))
    }

    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let mut work = StreamLayer::work(&self.activated, extent, widths);
        work += StreamLayer::work(&self.plain, extent, widths);
        let product = extent.mean() * self.plain.outputs(widths).full;
        work.written += product;
        work.remembered += product;
        work
    }
}
