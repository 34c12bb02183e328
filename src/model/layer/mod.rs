//! Layers: the parts of which blocks and heads are composed.
//!
//! A layer describes itself once: its forward pass, its backward pass, its effect on the shape of rows, its work, and its
//! ONNX operators. Costs, memory estimates, scores and ONNX graphs of an architecture follow from the layers that it composes.

pub mod activate;
pub mod deformable_attention;
pub mod dense;
pub mod distance_attention;
pub mod distance_table;
pub mod gated;
pub mod group_norm;
pub mod leading_positions;
pub mod levels;
pub mod mapped;
pub mod mask_prediction;
pub mod merge;
pub mod norm;
pub mod pad_channels;
pub mod pool;
pub mod pool_row;
pub mod positioned_attention;
pub mod queries;
pub mod reach;
pub mod self_attention;
pub mod semantic_map;
pub mod sequence;
pub mod shift;
pub mod shortcut;
pub mod squares;
pub mod unit_length;
pub mod unmerge;
pub mod windowed;

use candle_core::{Result, Tensor};

use super::entry::Entry;
use super::extent::Extent;
use super::hidden::Hidden;
use super::nn::linear::Linear;
use super::nn::traced::Traced;
use super::symbol::state::State;
use super::symbol::stream::Stream;
use super::width::Widths;
use super::work::Work;
use crate::onnx::graph::Graph;

/// A step from one hidden state to the next.
pub trait Layer: Send + Sync {
    /// Runs the layer.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    fn forward(&self, input: &Hidden) -> Result<Hidden>;

    /// Runs the layer and returns the same value with its pullback.
    ///
    /// # Errors
    /// Returns an error if shapes do not match, or if the layer is not [differentiable](Self::is_differentiable).
    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>>;

    /// Whether the layer has a backward pass.
    fn is_differentiable(&self) -> bool {
        true
    }

    /// Returns the number of inner channels: channels that units may own and that the layer does not return, such as the
    /// queries of an attention.
    fn inner_channels(&self) -> usize {
        0
    }

    /// Runs the layer with its inner channels multiplied by `factors`, f32 `[inner]` or `[rows, 1, inner]`.
    ///
    /// # Errors
    /// Returns an error if shapes do not match, or if the layer has no inner channels.
    fn forward_masked(&self, _: &Hidden, _factors: &Tensor) -> Result<Hidden> {
        candle_core::bail!("the layer has no inner channels")
    }

    /// Runs the layer and returns the same value with a pullback that also differentiates the masks of inner channels.
    ///
    /// # Errors
    /// See [`traced`](Self::traced).
    fn traced_inside(&self, input: &Hidden) -> Result<Traced<Hidden, Pulled>> {
        Ok(without_inner(self.traced(input)?))
    }

    /// Returns the queries and keys of each head, if the layer is an attention.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    fn queries_and_keys(&self, _: &Hidden) -> Result<Option<[Tensor; 2]>> {
        Ok(None)
    }

    /// Returns the layer as a stored map with an activation, if it is one.
    fn entry(&self) -> Option<Entry<'_>> {
        None
    }

    /// Returns the shapes of the rows after the layer.
    fn extent(&self, extent: &Extent) -> Extent {
        extent.clone()
    }

    /// Returns the mean work per row, for rows of these shapes.
    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work;

    /// Writes the layer into an ONNX graph.
    ///
    /// # Errors
    /// Returns an error if the input does not have the arrangement that the layer reads.
    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State>;

    /// Runs the layer on `projection(units) + skip` in a fused step, if the layer has one. `units` and `skip` are
    /// streams.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    fn forward_sum(&self, _: &Linear, _units: &Tensor, _skip: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }
}

/// What a cotangent on the output of a layer becomes.
pub struct Pulled {
    /// The cotangent on the input.
    pub input: Hidden,
    /// The derivative with respect to the mask of each inner channel for each row, `[copies * rows, inner]`, row-major.
    /// `None` if the layer has no inner channels.
    pub inner: Option<Vec<f32>>,
}

/// Returns the same value with the pullback of a layer without inner channels.
pub(super) fn without_inner(traced: Traced<Hidden>) -> Traced<Hidden, Pulled> {
    let Traced { value, pull } = traced;
    Traced {
        value,
        pull: Box::new(move |cotangent| {
            Ok(Pulled {
                input: pull(cotangent)?,
                inner: None,
            })
        }),
    }
}

/// Returns the same value with the pullback to the input alone.
pub(super) fn to_input(traced: Traced<Hidden, Pulled>) -> Traced<Hidden> {
    let Traced { value, pull } = traced;
    Traced {
        value,
        pull: Box::new(move |cotangent| Ok(pull(cotangent)?.input)),
    }
}

/// A layer that reads and writes the stream only and keeps the shape of rows.
pub trait StreamLayer: Send + Sync {
    /// Runs the layer on a stream `[rows, positions, channels]`.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    fn forward(&self, stream: &Tensor) -> Result<Tensor>;

    /// Runs the layer and returns the same value with its pullback.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    fn traced(&self, stream: &Tensor) -> Result<Traced>;

    /// See [`Layer::work`].
    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work;

    /// See [`Layer::onnx`].
    ///
    /// # Errors
    /// Returns an error if the input does not have the arrangement that the layer reads.
    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<Stream>;

    /// See [`Layer::forward_sum`].
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    fn forward_sum(&self, _: &Linear, _units: &Tensor, _skip: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }
}

impl<L: StreamLayer> Layer for L {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        Ok(input.with_stream(StreamLayer::forward(self, &input.stream)?))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        input.traced(|stream| StreamLayer::traced(self, stream))
    }

    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        StreamLayer::work(self, extent, widths)
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        Ok(input.with_stream(StreamLayer::onnx(self, graph, input)?))
    }

    fn forward_sum(
        &self,
        projection: &Linear,
        units: &Tensor,
        skip: &Tensor,
    ) -> Result<Option<Tensor>> {
        StreamLayer::forward_sum(self, projection, units, skip)
    }
}
