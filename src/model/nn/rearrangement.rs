//! A new order of the positions of a map, with padding.

use candle_core::{Result, Tensor};

use crate::onnx::graph::Graph;
use crate::onnx::value::Value;

/// The positions of a map in another order. Every position of the map has one place. The other places are padding.
#[derive(Clone, Debug)]
pub struct Rearrangement {
    /// The position at each place. The number of positions stands for padding.
    sources: Vec<u32>,
    /// The place of each position.
    places: Vec<u32>,
}

impl Rearrangement {
    /// Creates a rearrangement of `positions` positions from the position at each place.
    ///
    /// # Panics
    /// Panics if a position does not exist.
    #[must_use]
    pub fn new(positions: usize, at: impl IntoIterator<Item = Option<usize>>) -> Self {
        let mut places = vec![0; positions];
        let sources = at.into_iter().zip(0u32..).map(|(source, place)| {
            let source = source.inspect(|&source| places[source] = place);
            source.unwrap_or(positions) as u32
        });
        Self {
            sources: sources.collect(),
            places,
        }
    }

    /// Returns the number of places.
    #[must_use]
    pub fn places(&self) -> usize {
        self.sources.len()
    }

    /// Returns the numbers in the new order, with zeros as padding: `[rows, positions, channels]` to
    /// `[rows, places, channels]`.
    ///
    /// # Errors
    /// Returns an error if the shape does not match.
    pub fn apply(&self, stream: &Tensor) -> Result<Tensor> {
        if stream.dim(1)? != self.places.len() {
            candle_core::bail!("the positions do not match their rearrangement");
        }
        let sources = Tensor::new(self.sources.as_slice(), stream.device())?;
        match self.sources.len() > self.places.len() {
            true => stream
                .pad_with_zeros(1, 0, 1)?
                .contiguous()?
                .index_select(&sources, 1),
            false => stream.contiguous()?.index_select(&sources, 1),
        }
    }

    /// Writes [`apply`](Self::apply) into an ONNX graph.
    #[must_use]
    pub fn onnx(&self, graph: &mut Graph, stream: &Value) -> Value {
        let padded = match self.sources.len() > self.places.len() {
            true => {
                let one_more = graph.ints(&[0, 0, 0, 0, 1, 0]);
                graph.apply("Pad", &[stream, &one_more])
            }
            false => stream.clone(),
        };
        positions(graph, &padded, &self.sources)
    }

    /// Writes [`reverse`](Self::reverse) into an ONNX graph.
    #[must_use]
    pub fn onnx_reverse(&self, graph: &mut Graph, stream: &Value) -> Value {
        positions(graph, stream, &self.places)
    }

    /// Returns the numbers in the order of the map, without padding: `[rows, places, channels]` to
    /// `[rows, positions, channels]`. It is the transposed map of [`apply`](Self::apply).
    ///
    /// # Errors
    /// Returns an error if the shape does not match.
    pub fn reverse(&self, stream: &Tensor) -> Result<Tensor> {
        if stream.dim(1)? != self.sources.len() {
            candle_core::bail!("the places do not match their rearrangement");
        }
        let places = Tensor::new(self.places.as_slice(), stream.device())?;
        stream.contiguous()?.index_select(&places, 1)
    }
}

/// Reads positions of a stream.
fn positions(graph: &mut Graph, stream: &Value, places: &[u32]) -> Value {
    let places: Vec<i64> = places.iter().map(|&place| i64::from(place)).collect();
    let places = graph.ints(&places);
    graph.gather(stream, &places, 1)
}
