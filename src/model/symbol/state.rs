//! A hidden state in an ONNX graph. It has the parts of [`Hidden`](crate::model::hidden::Hidden).

use candle_core::{Result, Tensor, bail};

use super::stream::Stream;
use crate::model::hidden::{Layout, Slot};
use crate::onnx::graph::Graph;
use crate::onnx::value::Value;

/// A hidden state of several rows.
#[derive(Clone, Debug)]
pub struct State {
    /// The stream.
    pub stream: Stream,
    /// How the positions are arranged.
    pub layout: Layout,
    /// Number of positions of a row. `None` if it differs by call.
    pub positions: Option<usize>,
    /// Which positions are no padding, f32 `[rows, positions]` of zeros and ones. `None` if there is no padding.
    pub mask: Option<Value>,
    carried: Vec<(Slot, Stream)>,
}

impl State {
    /// Creates a sequence of positions, whose number differs by call, with the mask of its padding.
    #[must_use]
    pub fn sequence(stream: Value, mask: Option<Value>) -> Self {
        Self {
            stream: Stream::Positions(stream),
            layout: Layout::Sequence,
            positions: None,
            mask,
            carried: Vec::new(),
        }
    }

    /// Creates the state of a map.
    #[must_use]
    pub fn map(stream: Stream, layout: Layout) -> Self {
        Self {
            stream,
            layout,
            positions: Some(layout.lead() + layout.pixels()),
            mask: None,
            carried: Vec::new(),
        }
    }

    /// Returns the same state with this number of positions in each row.
    #[must_use]
    pub fn with_count(self, positions: usize) -> Self {
        Self {
            positions: Some(positions),
            ..self
        }
    }

    /// Returns the same state with another stream.
    #[must_use]
    pub fn with_stream(&self, stream: Stream) -> Self {
        Self {
            stream,
            ..self.clone()
        }
    }

    /// Returns the same state with another stream `[rows, positions, channels]`.
    #[must_use]
    pub fn with(&self, stream: Value) -> Self {
        self.with_stream(Stream::Positions(stream))
    }

    /// Returns the same state with a map as its stream.
    #[must_use]
    pub fn with_map(&self, stream: Stream, layout: Layout) -> Self {
        Self {
            carried: self.carried.clone(),
            ..Self::map(stream, layout)
        }
    }

    /// Returns the same state with a sequence of `positions` positions as its stream.
    #[must_use]
    pub fn with_sequence(&self, stream: Value, positions: usize) -> Self {
        Self {
            positions: Some(positions),
            carried: self.carried.clone(),
            ..Self::sequence(stream, None)
        }
    }

    /// Returns the tensor in a slot, `[rows, ..]`.
    ///
    /// # Errors
    /// Returns an error if the slot is empty.
    pub fn carried(&self, slot: Slot) -> Result<&Stream> {
        match self.find(slot) {
            Some(stream) => Ok(stream),
            None => bail!("no layer before carries {slot:?}"),
        }
    }

    /// Returns the tensor in a slot, or `None` if the slot is empty.
    #[must_use]
    pub fn find(&self, slot: Slot) -> Option<&Stream> {
        let found = self.carried.iter().find(|(own, _)| *own == slot);
        found.map(|(_, stream)| stream)
    }

    /// Puts a tensor into a slot.
    #[must_use]
    pub fn carrying(self, slot: Slot, stream: Stream) -> Self {
        let mut state = self.without(slot);
        state.carried.push((slot, stream));
        state
    }

    /// Empties a slot.
    #[must_use]
    pub fn without(mut self, slot: Slot) -> Self {
        self.carried.retain(|(own, _)| *own != slot);
        self
    }

    /// Returns the number of positions of a row.
    ///
    /// # Errors
    /// Returns an error if it differs by call.
    pub fn count(&self) -> Result<usize> {
        match self.positions {
            Some(positions) => Ok(positions),
            None => bail!("the number of positions differs by call"),
        }
    }

    /// Returns `[rows, positions]`, one-dimensional.
    #[must_use]
    pub fn shape(&self, graph: &mut Graph) -> Value {
        let (rows, length) = (rows(graph), self.length(graph));
        graph.concat(&[&rows, &length], 0)
    }

    /// Returns the number of positions of a row, `[1]`.
    #[must_use]
    pub fn length(&self, graph: &mut Graph) -> Value {
        match self.positions {
            Some(positions) => graph.ints(&[positions as i64]),
            None => size_of_input(graph, 1),
        }
    }
}

/// Returns the number of rows of a call, `[1]`.
fn rows(graph: &mut Graph) -> Value {
    size_of_input(graph, 0)
}

/// Repeats a tensor `[1, ..]` for each row of a call.
#[must_use]
pub fn for_each_row(graph: &mut Graph, tensor: &Tensor) -> Value {
    let rows = rows(graph);
    let others = graph.ints(&vec![1; tensor.rank() - 1]);
    let shape = graph.concat(&[&rows, &others], 0);
    let tensor = graph.weight(tensor);
    graph.apply("Expand", &[&tensor, &shape])
}

/// Returns the size of a dimension of the first input, `[1]`.
fn size_of_input(graph: &mut Graph, dimension: i64) -> Value {
    let input = graph.inputs()[0].value.clone();
    graph.sizes(&input, dimension..dimension + 1)
}
