//! Masks of queries: products of each query with the features of each pixel.

use std::sync::Arc;

use candle_core::{Result, Tensor};

use super::Layer;
use super::levels::extent_of;
use super::sequence::Sequence;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Slot};
use crate::model::nn::meter;
use crate::model::nn::resize;
use crate::model::nn::traced::Traced;
use crate::model::symbol::state::State;
use crate::model::symbol::stream::Stream;
use crate::model::width::Widths;
use crate::model::work::{Terms, Work};
use crate::onnx::constant::Element;
use crate::onnx::graph::Graph;
use crate::onnx::value::Value;

/// Predicts masks from a stream of queries.
pub struct Masks {
    /// From the stream to the factors of the features: a norm and a network of several maps.
    pub embedding: Sequence,
    /// Number of channels of the features.
    pub channels: usize,
    /// Height and width of the map of features.
    pub size: [usize; 2],
}

/// What was computed for masks.
pub(super) struct Predicted {
    /// The factors, `[rows, queries, channels]`, with the pullback to the stream.
    factors: Traced<Hidden>,
    /// The features, `[rows, pixels, channels]`.
    features: Tensor,
    /// The masks, as logits, `[rows, pixels, queries]`.
    pub(super) masks: Tensor,
}

impl Predicted {
    /// Pulls a cotangent on the masks, `[copies * rows, pixels, queries]`, back to the state, and adds that of another part.
    pub(super) fn pull(&self, on_masks: &Tensor, other: Hidden) -> Result<Hidden> {
        let copies = on_masks.dim(0)? / self.features.dim(0)?.max(1);
        let each = |tensor: &Tensor| tensor.repeat((copies, 1, 1));
        let factors = &self.factors.value;
        let on_features = on_masks.matmul(&each(&factors.stream)?)?;
        let on_factors = on_masks.transpose(1, 2)?.contiguous()?;
        let on_factors = on_factors.matmul(&each(&self.features)?)?;
        let from_masks = (self.factors.pull)(Hidden::new(on_factors, factors.layout))?;
        other
            .plus(from_masks)?
            .adding(Slot::MaskFeatures, on_features)
    }
}

impl Masks {
    /// Returns the features of a state.
    fn features(input: &Hidden) -> Result<&Tensor> {
        match input.carried(Slot::MaskFeatures) {
            Some(features) => Ok(features),
            None => candle_core::bail!("no layer before carries the features of masks"),
        }
    }

    /// Returns the masks as logits, `[rows, pixels, queries]`.
    pub(super) fn of(&self, input: &Hidden) -> Result<Tensor> {
        let factors = self.embedding.forward(input)?.stream;
        products(Self::features(input)?, &factors)
    }

    pub(super) fn predict(&self, input: &Hidden) -> Result<Predicted> {
        let factors = self.embedding.traced(input)?;
        let features = Self::features(input)?.clone();
        Ok(Predicted {
            masks: products(&features, &factors.value.stream)?,
            factors,
            features,
        })
    }

    /// Writes the masks into an ONNX graph, as logits `[rows, queries, height, width]`.
    pub(super) fn onnx(&self, graph: &mut Graph, input: &State) -> Result<Value> {
        let factors = self.embedding.onnx(graph, input)?.stream.positions(graph);
        let features = input.carried(Slot::MaskFeatures)?.planes(graph, self.size);
        let features = graph.reshape(&features, &[0, 0, -1]);
        let masks = graph.apply("MatMul", &[&factors, &features]);
        let [height, width] = self.size.map(|side| side as i64);
        Ok(graph.reshape(&masks, &[0, 0, height, width]))
    }

    /// Returns the work of the embedding and of the products with all pixels.
    pub(super) fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let mut work = self.embedding.work(extent, widths);
        let pairs = extent.mean_product(&extent_of(extent, self.size));
        work += Work {
            macs: Terms {
                fixed: pairs * self.channels as f64,
                ..Terms::default()
            },
            written: pairs,
            remembered: pairs,
        };
        work
    }
}

/// Returns the products of each pixel with each query, `[rows, pixels, queries]`.
fn products(features: &Tensor, factors: &Tensor) -> Result<Tensor> {
    let (rows, pixels, channels) = features.dims3()?;
    meter::count(rows * pixels * channels * factors.dim(1)?);
    features.matmul(&factors.transpose(1, 2)?.contiguous()?)
}

/// Carries the mask under which the next layer reads a map: a query reads the pixels that its mask covers, or all pixels if
/// it covers none. The backward pass does not reach the choice, which is constant near almost every input.
pub struct MaskPrediction {
    masks: Arc<Masks>,
    /// Height and width of the map that the next layer reads.
    read: [usize; 2],
}

impl MaskPrediction {
    /// Creates a layer. `read` is the size of the map that the next layer reads.
    #[must_use]
    pub fn new(masks: Arc<Masks>, read: [usize; 2]) -> Self {
        Self { masks, read }
    }
}

impl Layer for MaskPrediction {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let masks = resize::forward(&self.masks.of(input)?, self.masks.size, self.read)?;
        let probabilities = candle_nn::ops::sigmoid(&masks)?;
        // 1 for a pixel that is not read.
        let outside = probabilities.lt(0.5)?.to_dtype(masks.dtype())?;
        let pixels = (self.read[0] * self.read[1]) as f64;
        let covers_some = outside
            .sum_keepdim(1)?
            .lt(pixels)?
            .to_dtype(masks.dtype())?;
        let outside = outside.broadcast_mul(&covers_some)?;
        let zeros = outside.zeros_like()?;
        let infinite = (zeros.ones_like()? * f64::NEG_INFINITY)?;
        let numbers = outside.ne(0.0)?.where_cond(&infinite, &zeros)?;
        let numbers = numbers.transpose(1, 2)?.contiguous()?;
        Ok(input.clone().carrying(Slot::AttentionMask, numbers))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        Ok(Traced {
            value: self.forward(input)?,
            pull: Box::new(Ok),
        })
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let masks = self.masks.onnx(graph, input)?;
        let masks = resize::onnx(graph, &masks, self.masks.size, self.read);
        let masks = graph.reshape(&masks, &[0, 0, -1]);
        let probabilities = graph.apply("Sigmoid", &[&masks]);
        let half = graph.float(0.5);
        let outside = graph.apply("Less", &[&probabilities, &half]);
        let numbers = graph.cast(&outside, Element::Float);
        let count = graph.sum(&numbers, 2);
        let pixels = graph.float((self.read[0] * self.read[1]) as f32);
        let covers_some = graph.apply("Less", &[&count, &pixels]);
        let unread = graph.apply("And", &[&outside, &covers_some]);
        let (infinite, zero) = (graph.float(f32::NEG_INFINITY), graph.float(0.0));
        let numbers = graph.apply("Where", &[&unread, &infinite, &zero]);
        let numbers = Stream::Positions(numbers);
        Ok(input.clone().carrying(Slot::AttentionMask, numbers))
    }

    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        self.masks.work(extent, widths)
    }
}
