//! A stored linear map of positions or windows as a layer, with an optional activation.

use candle_core::Result;

use super::Layer;
use crate::model::entry::Entry;
use crate::model::extent::Extent;
use crate::model::hidden::Hidden;
use crate::model::nn::activation::Activation;
use crate::model::nn::traced::Traced;
use crate::model::stored_map::StoredMap;
use crate::model::symbol::state::State;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

/// `activation(W x + b)`: `[rows, positions, in]` to `[rows, positions or windows, out]`.
pub struct Mapped {
    map: StoredMap,
    activation: Option<Activation>,
}

impl Mapped {
    /// Creates a layer without an activation.
    #[must_use]
    pub fn new(map: StoredMap) -> Self {
        Self {
            map,
            activation: None,
        }
    }

    /// Adds an activation after the map.
    #[must_use]
    pub fn activated(self, activation: Activation) -> Self {
        Self {
            activation: Some(activation),
            ..self
        }
    }
}

impl Layer for Mapped {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        self.map.affine.forward_activated(input, self.activation)
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        self.map.affine.traced(input, self.activation)
    }

    fn entry(&self) -> Option<Entry<'_>> {
        Some(Entry {
            map: &self.map,
            activation: self.activation,
        })
    }

    fn extent(&self, extent: &Extent) -> Extent {
        self.map.affine.extent(extent)
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        self.map.affine.onnx(graph, input, self.activation)
    }

    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let after = self.extent(extent).mean();
        let written = after * self.map.outputs(widths).full;
        Work {
            macs: self.map.macs(widths) * after,
            written,
            // The derivatives of the activation, and the values, which the next layer may read.
            remembered: written * if self.activation.is_some() { 2.0 } else { 1.0 },
        }
    }
}
