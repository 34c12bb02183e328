//! Attention of each pixel to a few points on maps of several resolutions (Zhu et al. 2021, "Deformable DETR").

use candle_core::{Result, Tensor};

use super::dense::Dense;
use super::{Layer, StreamLayer};
use crate::model::extent::Extent;
use crate::model::nn::deformable::Sampling;
use crate::model::nn::kernel::levels::{centers, place};
use crate::model::nn::softmax;
use crate::model::nn::traced::Traced;
use crate::model::symbol::attention::nothing;
use crate::model::symbol::sampling::Points;
use crate::model::symbol::state::State;
use crate::model::symbol::stream::Stream;
use crate::model::width::Widths;
use crate::model::work::{Terms, Work};
use crate::onnx::graph::Graph;

/// The context of each head: `[rows, positions of all maps, hidden]` to `[rows, positions of all maps, heads * value]`.
pub struct DeformableAttention {
    /// Map to the values.
    pub value: Dense,
    /// Map to the offsets of the points, and map to the weights of the points.
    pub points: [Dense; 2],
    /// Positions of the pixels, `[1, positions, hidden]`. Offsets and weights read them, values do not.
    pub positions: Tensor,
    /// Height and width of each map.
    pub sizes: Vec<[usize; 2]>,
    /// Number of heads.
    pub heads: usize,
    /// Number of points of a head on each map.
    pub count: usize,
}

impl DeformableAttention {
    /// Returns where each position reads: the offsets of the points, and their weights.
    fn points(&self, stream: &Tensor) -> Result<[Tensor; 2]> {
        let positioned = stream.broadcast_add(&self.positions)?;
        let [offsets, weights] = self.points.each_ref().map(Dense::linear);
        let weights = softmax::of_groups(&weights.forward(&positioned)?, self.size())?;
        Ok([offsets.forward(&positioned)?, weights])
    }

    /// Returns the number of points of a head.
    fn size(&self) -> usize {
        self.sizes.len() * self.count
    }

    fn sampling(&self, [offsets, weights]: &[Tensor; 2]) -> Result<Sampling> {
        Sampling::new(&self.sizes, self.heads, self.count, offsets, weights)
    }
}

impl StreamLayer for DeformableAttention {
    fn forward(&self, stream: &Tensor) -> Result<Tensor> {
        let values = self.value.linear().forward(stream)?;
        self.sampling(&self.points(stream)?)?.forward(&values)
    }

    fn traced(&self, stream: &Tensor) -> Result<Traced> {
        let points = self.points(stream)?;
        let values = self.value.linear().forward(stream)?;
        let context = self.sampling(&points)?.traced(&values)?;
        let value = self.value.linear().clone();
        let maps = self.points.each_ref().map(|map| map.linear().clone());
        let ([_, weights], size) = (points, self.size());
        Ok(Traced {
            value: context.value,
            pull: Box::new(move |cotangent| {
                let pulled = (context.pull)(cotangent)?;
                let [of_offsets, of_weights] = &maps;
                let on_logits = softmax::pull(&weights, &pulled.weights, size)?;
                let of_points =
                    (of_offsets.pull(&pulled.offsets)? + of_weights.pull(&on_logits)?)?;
                value.pull(&pulled.values)? + of_points
            }),
        })
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<Stream> {
        let outputs = self.value.linear().outputs();
        if outputs == 0 {
            return Ok(Stream::Positions(nothing(graph)));
        }
        let stream = input.stream.positions(graph);
        let positions = graph.weight(&self.positions);
        let positioned = graph.apply("Add", &[&stream, &positions]);
        let points = Points {
            sizes: &self.sizes,
            centers: &centers(&place(&self.sizes)),
            heads: self.heads,
            count: self.count,
            value: outputs / self.heads,
        };
        let [offsets, weights] = self.points.each_ref().map(Dense::linear);
        let values = self.value.linear().onnx(graph, &stream)?;
        let offsets = offsets.onnx(graph, &positioned)?;
        let weights = weights.onnx(graph, &positioned)?;
        Ok(Stream::Positions(
            points.sum(graph, [&values, &offsets, &weights]),
        ))
    }

    /// Returns the work of the three maps, and of reading four pixels at every point.
    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let [offsets, weights] = &self.points;
        let mut work = Layer::work(&self.value, extent, widths);
        work += Layer::work(offsets, extent, widths);
        work += Layer::work(weights, extent, widths);
        let values = self.value.outputs(widths);
        let reads = 4 * self.sizes.len() * self.count;
        work.macs += Terms::from(&values) * (extent.mean() * reads as f64);
        work.written += extent.mean() * values.full;
        work.remembered += extent.mean() * values.full;
        work
    }
}
