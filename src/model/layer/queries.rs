//! The start of a stream of queries, which read a map.

use candle_core::{Result, Tensor};

use super::Layer;
use super::levels::zeros;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout, Slot};
use crate::model::nn::traced::Traced;
use crate::model::symbol::state::{State, for_each_row};
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

/// Carries the stream as the features of masks. The stream becomes learned queries, the same for each row:
/// `[rows, positions, channels]` to `[rows, queries, channels]`.
pub struct StartQueries {
    /// The queries, `[1, queries, channels]`.
    queries: Tensor,
}

impl StartQueries {
    /// Creates a layer from learned queries, `[1, queries, channels]`.
    #[must_use]
    pub fn new(queries: Tensor) -> Self {
        Self { queries }
    }
}

impl Layer for StartQueries {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let queries = self.queries.repeat((input.stream.dim(0)?, 1, 1))?;
        let output = input.arranged(queries, Layout::Sequence);
        Ok(output.carrying(Slot::MaskFeatures, input.stream.clone()))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let (stream, layout) = (input.stream.clone(), input.layout);
        Ok(Traced {
            value: self.forward(input)?,
            pull: Box::new(move |cotangent: Hidden| {
                let features = match cotangent.carried(Slot::MaskFeatures) {
                    Some(features) => features.clone(),
                    None => zeros(&stream, &cotangent.stream)?,
                };
                let pulled = cotangent.arranged(features, layout);
                Ok(pulled.without(Slot::MaskFeatures))
            }),
        })
    }

    fn extent(&self, extent: &Extent) -> Extent {
        let queries = self.queries.dims()[1];
        extent.map(|_, _| (Layout::Sequence, queries))
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let queries = self.queries.dim(1)?;
        let output = for_each_row(graph, &self.queries);
        let output = input.with_sequence(output, queries);
        Ok(output.carrying(Slot::MaskFeatures, input.stream.clone()))
    }

    fn work(&self, extent: &Extent, _: &Widths<'_>) -> Work {
        Work {
            written: self.extent(extent).mean() * self.queries.dims()[2] as f64,
            ..Work::default()
        }
    }
}
