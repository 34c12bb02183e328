//! Selection of the first positions of each row.

use candle_core::{Result, Tensor};

use super::Layer;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout};
use crate::model::nn::traced::Traced;
use crate::model::symbol::state::State;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;
use crate::onnx::value::Value;

/// `[rows, positions, channels]` to `[rows, count, channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeadingPositions {
    /// Number of positions. Rows have at least as many.
    count: usize,
    /// See [`early`](Self::early).
    early: bool,
}

impl LeadingPositions {
    /// Creates a selection of the first position.
    #[must_use]
    pub fn one() -> Self {
        Self::new(1)
    }

    /// Creates a selection of the first `count` positions.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let early = false;
        Self { count, early }
    }

    /// Marks a selection that the original implementation makes only later. The layers in between compute the other
    /// positions there, although nothing reads them.
    #[must_use]
    pub fn early(self) -> Self {
        Self {
            early: true,
            ..self
        }
    }

    /// Returns the number of positions.
    pub(super) fn count(self) -> usize {
        self.count
    }

    /// Writes the selection into an ONNX graph.
    pub(super) fn onnx_of(self, graph: &mut Graph, stream: &Value) -> Value {
        graph.slice(stream, 1, 0..self.count as i64, 1)
    }

    /// Returns the first positions of each row, `[rows, count, channels]`.
    pub(super) fn of(self, stream: &Tensor) -> Result<Tensor> {
        stream.narrow(1, 0, self.count)?.contiguous()
    }
}

/// Pulls a cotangent on the first positions of each row back to all `positions`.
pub(super) fn spread(leading: Tensor, positions: usize) -> Result<Tensor> {
    let (rows, own, channels) = leading.dims3()?;
    if own == positions {
        return Ok(leading);
    }
    let rest = (rows, positions - own, channels);
    let rest = Tensor::zeros(rest, leading.dtype(), leading.device())?;
    Tensor::cat(&[leading, rest], 1)?.contiguous()
}

impl Layer for LeadingPositions {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        Ok(Hidden::sequence(self.of(&input.stream)?))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let positions = input.positions()?;
        let layout = input.layout;
        Ok(Traced {
            value: self.forward(input)?,
            pull: Box::new(move |cotangent: Hidden| {
                Ok(Hidden::new(spread(cotangent.stream, positions)?, layout))
            }),
        })
    }

    fn extent(&self, extent: &Extent) -> Extent {
        match self.early && extent.is_of_original() {
            true => extent.clone(),
            false => extent.map(|_, _| (Layout::Sequence, self.count)),
        }
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let stream = input.stream.positions(graph);
        Ok(State::sequence(self.onnx_of(graph, &stream), None).with_count(self.count))
    }

    fn work(&self, _: &Extent, _: &Widths<'_>) -> Work {
        Work::default()
    }
}
