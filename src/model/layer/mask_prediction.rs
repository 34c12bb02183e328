//! Masks of queries: products of each query with the features of each pixel.

use std::sync::Arc;

use candle_core::{D, Result, Tensor};

use super::Layer;
use super::levels::{extent_of, map_of};
use super::sequence::Sequence;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Slot};
use crate::model::nn::meter;
use crate::model::nn::resize;
use crate::model::nn::traced::Traced;
use crate::model::width::Widths;
use crate::model::work::{Terms, Work};

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
struct Predicted {
    /// The factors, `[rows, queries, channels]`, with the pullback to the stream.
    factors: Traced<Hidden>,
    /// The features, `[rows, pixels, channels]`.
    features: Tensor,
    /// The masks, as logits, `[rows, pixels, queries]`.
    masks: Tensor,
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
    fn of(&self, input: &Hidden) -> Result<Tensor> {
        let factors = self.embedding.forward(input)?.stream;
        products(Self::features(input)?, &factors)
    }

    fn predict(&self, input: &Hidden) -> Result<Predicted> {
        let factors = self.embedding.traced(input)?;
        let features = Self::features(input)?.clone();
        Ok(Predicted {
            masks: products(&features, &factors.value.stream)?,
            factors,
            features,
        })
    }

    /// Returns the work of the embedding and of the products with all pixels.
    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
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

    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        self.masks.work(extent, widths)
    }
}

/// Answers with the logarithm of the score of each class at each pixel: `[rows, queries, hidden]` to
/// `[rows, pixels, classes]`.
///
/// The score of a class is the sum over the queries of the probability of the class times that of the mask (Cheng et al.
/// 2022, "Masked-attention Mask Transformer", section 3). Each query has one more class, which stands for no object.
pub struct SemanticMap {
    /// From the stream to the logits of the classes of each query, the last one for no object.
    classes: Sequence,
    masks: Arc<Masks>,
    /// Number of classes without the last one.
    count: usize,
}

/// Added to a score, so that its logarithm is finite.
const SMALLEST: f64 = 1e-12;

impl SemanticMap {
    /// Creates a layer. `classes` returns `count + 1` logits for each query.
    #[must_use]
    pub fn new(classes: Sequence, masks: Arc<Masks>, count: usize) -> Self {
        Self {
            classes,
            masks,
            count,
        }
    }

    /// Returns the probabilities of the classes of each query, without the last class, `[rows, queries, classes]`.
    fn probabilities(&self, logits: &Tensor) -> Result<Tensor> {
        let all = candle_nn::ops::softmax(logits, D::Minus1)?;
        all.narrow(2, 0, self.count)?.contiguous()
    }

    /// Returns the scores of the classes at each pixel, `[rows, pixels, classes]`.
    fn scores(&self, of_queries: &Tensor, masks: &Tensor) -> Result<Tensor> {
        let (rows, pixels, queries) = masks.dims3()?;
        meter::count(rows * pixels * queries * self.count);
        masks.matmul(of_queries)? + SMALLEST
    }
}

impl Layer for SemanticMap {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let of_queries = self.probabilities(&self.classes.forward(input)?.stream)?;
        let masks = candle_nn::ops::sigmoid(&self.masks.of(input)?)?;
        let scores = self.scores(&of_queries, &masks)?;
        Ok(Hidden::new(scores.log()?, map_of(self.masks.size)))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let classes = self.classes.traced(input)?;
        let of_queries = self.probabilities(&classes.value.stream)?;
        let Predicted {
            factors,
            features,
            masks,
        } = self.masks.predict(input)?;
        let masks = candle_nn::ops::sigmoid(&masks)?;
        let scores = self.scores(&of_queries, &masks)?;
        let layout = input.layout;
        let (rows, count) = (masks.dim(0)?, self.count);
        Ok(Traced {
            value: Hidden::new(scores.log()?, map_of(self.masks.size)),
            pull: Box::new(move |cotangent: Hidden| {
                let copies = cotangent.stream.dim(0)? / rows.max(1);
                let each = |tensor: &Tensor| tensor.repeat((copies, 1, 1));
                let turned = |tensor: &Tensor| tensor.transpose(1, 2)?.contiguous();
                let (masks, of_queries) = (each(&masks)?, each(&of_queries)?);
                let on_scores = (cotangent.stream / each(&scores)?)?;
                // The last class has no score.
                let on_classes = turned(&masks)?.matmul(&on_scores)?;
                let along = (&on_classes * &of_queries)?.sum_keepdim(2)?;
                let known = (on_classes.broadcast_sub(&along)? * &of_queries)?;
                let last = (of_queries.sum_keepdim(2)?.affine(-1.0, 1.0)? * along)?.neg()?;
                let on_logits = Tensor::cat(&[known, last], 2)?;
                debug_assert_eq!(on_logits.dims()[2], count + 1);
                let on_masks = on_scores.matmul(&turned(&of_queries)?)?;
                let slope = (&masks * masks.affine(-1.0, 1.0)?)?;
                let on_masks = (on_masks * slope)?;
                let on_features = on_masks.matmul(&each(&factors.value.stream)?)?;
                let on_factors = turned(&on_masks)?.matmul(&each(&features)?)?;
                let state = Hidden::new(on_logits, layout);
                let from_classes = (classes.pull)(state)?;
                let from_masks = (factors.pull)(Hidden::new(on_factors, layout))?;
                from_classes
                    .plus(from_masks)?
                    .adding(Slot::MaskFeatures, on_features)
            }),
        })
    }

    fn is_differentiable(&self) -> bool {
        self.classes.is_differentiable() && self.masks.embedding.is_differentiable()
    }

    fn extent(&self, extent: &Extent) -> Extent {
        extent_of(extent, self.masks.size)
    }

    /// Returns the work of classes, masks and scores.
    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let mut work = self.classes.work(extent, widths);
        work += self.masks.work(extent, widths);
        let pixels = extent_of(extent, self.masks.size);
        let written = pixels.mean() * self.count as f64;
        work += Work {
            macs: Terms {
                fixed: extent.mean_product(&pixels) * self.count as f64,
                ..Terms::default()
            },
            written,
            remembered: written,
        };
        work
    }
}
