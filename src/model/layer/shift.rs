//! Learned numbers that are added at every position.

use candle_core::{Result, Tensor};

use super::StreamLayer;
use crate::model::extent::Extent;
use crate::model::nn::traced::Traced;
use crate::model::symbol::state::State;
use crate::model::symbol::stream::Stream;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

/// Adds the same numbers, `[1, 1, channels]`, at every position of every row.
pub struct Shift(pub Tensor);

impl StreamLayer for Shift {
    fn forward(&self, stream: &Tensor) -> Result<Tensor> {
        stream.broadcast_add(&self.0)
    }

    fn traced(&self, stream: &Tensor) -> Result<Traced> {
        Ok(Traced {
            value: StreamLayer::forward(self, stream)?,
            pull: Box::new(Ok),
        })
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<Stream> {
        let (stream, added) = (input.stream.positions(graph), graph.weight(&self.0));
        Ok(Stream::Positions(graph.apply("Add", &[&stream, &added])))
    }

    fn work(&self, extent: &Extent, _: &Widths<'_>) -> Work {
        Work {
            written: extent.mean() * self.0.dims().last().copied().unwrap_or(0) as f64,
            ..Work::default()
        }
    }
}
