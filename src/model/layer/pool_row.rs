//! Pooling of all positions of a row to one.

use candle_core::Result;

use super::Layer;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout};
use crate::model::nn::pool::{self, Pooling};
use crate::model::nn::traced::Traced;
use crate::model::symbol::attention::LOWEST;
use crate::model::symbol::state::State;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;
use crate::onnx::node::Attribute;
use crate::onnx::value::Value;

/// Replaces the positions of a row by their mean or maximum: `[rows, positions, channels]` to `[rows, 1, channels]`.
pub struct PoolRow {
    pooling: Pooling,
    /// Number of channels.
    channels: usize,
}

impl PoolRow {
    /// Creates a layer for rows with this number of channels.
    #[must_use]
    pub fn new(pooling: Pooling, channels: usize) -> Self {
        Self { pooling, channels }
    }
}

impl Layer for PoolRow {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let size = [1, input.positions()?];
        let regions = pool::adaptive(size, [1, 1]);
        let stream = pool::forward(self.pooling, &input.stream, size, &regions)?;
        Ok(Hidden::sequence(stream))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let size = [1, input.positions()?];
        let regions = pool::adaptive(size, [1, 1]);
        input.traced_to(Layout::Sequence, |stream| {
            pool::traced(self.pooling, stream, size, regions)
        })
    }

    /// Padding takes no part.
    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let stream = input.stream.positions(graph);
        let mask = input.mask.as_ref().map(|mask| graph.unsqueeze(mask, &[2]));
        let pooled = match self.pooling {
            Pooling::Mean => mean(graph, &stream, mask.as_ref()),
            Pooling::Max => maximum(graph, &stream, mask.as_ref()),
        };
        Ok(State::sequence(pooled, None).with_count(1))
    }

    fn extent(&self, extent: &Extent) -> Extent {
        extent.map(|_, _| (Layout::Sequence, 1))
    }

    fn work(&self, _: &Extent, _: &Widths<'_>) -> Work {
        let written = self.channels as f64;
        Work {
            written,
            remembered: 2.0 * written,
            ..Work::default()
        }
    }
}

/// Along the positions, which become one.
const ALONG: [(&str, Attribute<'static>); 2] = [
    ("axes", Attribute::Ints(&[1])),
    ("keepdims", Attribute::Int(1)),
];

/// Writes the mean of the positions that the mask `[rows, positions, 1]` has.
fn mean(graph: &mut Graph, stream: &Value, mask: Option<&Value>) -> Value {
    let Some(mask) = mask else {
        return graph.apply_with("ReduceMean", &[stream], &ALONG);
    };
    let read = graph.apply("Mul", &[stream, mask]);
    let sum = graph.sum(&read, 1);
    let count = graph.sum(mask, 1);
    graph.apply("Div", &[&sum, &count])
}

/// Writes the maximum of the positions that the mask `[rows, positions, 1]` has.
fn maximum(graph: &mut Graph, stream: &Value, mask: Option<&Value>) -> Value {
    let Some(mask) = mask else {
        return graph.apply_with("ReduceMax", &[stream], &ALONG);
    };
    let (zero, lowest) = (graph.float(0.0), graph.float(LOWEST));
    let is_padding = graph.apply("Equal", &[mask, &zero]);
    let read = graph.apply("Where", &[&is_padding, &lowest, stream]);
    graph.apply_with("ReduceMax", &[&read], &ALONG)
}
