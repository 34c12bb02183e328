//! Division of the vector at each position by its length.

use candle_core::{Result, Tensor};

use super::StreamLayer;
use crate::model::extent::Extent;
use crate::model::nn::traced::Traced;
use crate::model::nn::unit_length;
use crate::model::symbol::state::State;
use crate::model::symbol::stream::Stream;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

/// `x / |x|` of the vector `x` at each position.
pub struct UnitLength {
    /// Number of channels.
    channels: usize,
}

impl UnitLength {
    /// Creates a layer for vectors with this number of channels.
    #[must_use]
    pub fn new(channels: usize) -> Self {
        Self { channels }
    }
}

impl StreamLayer for UnitLength {
    fn forward(&self, stream: &Tensor) -> Result<Tensor> {
        unit_length::divided(stream)
    }

    fn traced(&self, stream: &Tensor) -> Result<Traced> {
        unit_length::traced(stream)
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<Stream> {
        let vectors = input.stream.positions(graph);
        Ok(Stream::Positions(unit_length::onnx(graph, &vectors)))
    }

    fn work(&self, extent: &Extent, _: &Widths<'_>) -> Work {
        let written = extent.mean() * self.channels as f64;
        Work {
            written,
            remembered: written,
            ..Work::default()
        }
    }
}
