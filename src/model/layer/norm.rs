//! Layer normalization as a layer.

use candle_core::{Result, Tensor};

use super::StreamLayer;
use crate::model::extent::Extent;
use crate::model::nn::layer_norm::LayerNorm;
use crate::model::nn::linear::Linear;
use crate::model::nn::traced::Traced;
use crate::model::symbol::state::State;
use crate::model::symbol::stream::Stream;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

impl StreamLayer for LayerNorm {
    fn forward(&self, stream: &Tensor) -> Result<Tensor> {
        self.forward(stream)
    }

    fn traced(&self, stream: &Tensor) -> Result<Traced> {
        self.traced(stream)
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<Stream> {
        let stream = input.stream.positions(graph);
        Ok(Stream::Positions(self.onnx(graph, &stream)))
    }

    fn work(&self, extent: &Extent, _: &Widths<'_>) -> Work {
        let written = extent.mean() * self.width() as f64;
        Work {
            written,
            // The normalized input and the output.
            remembered: 2.0 * written,
            ..Work::default()
        }
    }

    fn forward_sum(
        &self,
        projection: &Linear,
        units: &Tensor,
        skip: &Tensor,
    ) -> Result<Option<Tensor>> {
        self.forward_sum(projection, units, skip).map(Some)
    }
}
