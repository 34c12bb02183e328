//! Group normalization as a layer.

use candle_core::{Result, Tensor};

use super::StreamLayer;
use crate::model::extent::Extent;
use crate::model::nn::group_norm::GroupNorm;
use crate::model::nn::traced::Traced;
use crate::model::symbol::state::State;
use crate::model::symbol::stream::Stream;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

impl StreamLayer for GroupNorm {
    fn forward(&self, stream: &Tensor) -> Result<Tensor> {
        self.forward(stream)
    }

    fn traced(&self, stream: &Tensor) -> Result<Traced> {
        self.traced(stream)
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<Stream> {
        let size = input.layout.size()?;
        let planes = input.stream.planes(graph, size);
        Ok(Stream::Planes(self.onnx(graph, &planes, size)?))
    }

    fn work(&self, extent: &Extent, _: &Widths<'_>) -> Work {
        let written = extent.mean() * self.width() as f64;
        Work {
            written,
            // The input and the output.
            remembered: 2.0 * written,
            ..Work::default()
        }
    }
}
