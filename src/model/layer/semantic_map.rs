//! The semantic map of queries, and the parts from which it is computed.

use std::sync::Arc;

use candle_core::{D, Result, Tensor};

use super::Layer;
use super::levels::{extent_of, map_of};
use super::mask_prediction::Masks;
use super::sequence::Sequence;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Slot};
use crate::model::nn::meter;
use crate::model::nn::traced::Traced;
use crate::model::symbol::state::State;
use crate::model::symbol::stream::Stream;
use crate::model::width::Widths;
use crate::model::work::{Terms, Work};
use crate::onnx::graph::Graph;

/// Answers with the logarithm of the score of each class at each pixel: `[rows, queries, hidden]` to
/// `[rows, pixels, classes]`. The answers carry the logits of which they were made, because a map in the size of the image is
/// made of enlarged masks.
///
/// The score of a class is the sum over the queries of the probability of the class times that of the mask (Cheng et al.
/// 2022, "Masked-attention Mask Transformer", section 3). Each query has one more class, which stands for no object.
pub struct SemanticMap {
    parts: QueryParts,
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
            parts: QueryParts {
                classes: Arc::new(classes),
                masks,
            },
            count,
        }
    }

    /// Returns the layer that answers with the parts of the map.
    #[must_use]
    pub fn parts(&self) -> QueryParts {
        self.parts.clone()
    }

    /// Returns the probabilities of the classes of each query, without the last class, `[rows, queries, classes]`.
    fn probabilities(&self, logits: &Tensor) -> Result<Tensor> {
        let all = candle_nn::ops::softmax(logits, D::Minus1)?;
        all.narrow(2, 0, self.count)?.contiguous()
    }

    /// Returns the answers, and what they were made of.
    fn answers(&self, scores: &Tensor, classes: Tensor, masks: Tensor) -> Result<Hidden> {
        let answers = Hidden::new(scores.log()?, map_of(self.parts.masks.size));
        Ok(answers
            .carrying(Slot::QueryClasses, classes)
            .carrying(Slot::QueryMasks, masks))
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
        let classes = self.parts.classes.forward(input)?.stream;
        let masks = self.parts.masks.of(input)?;
        let of_queries = self.probabilities(&classes)?;
        let scores = self.scores(&of_queries, &candle_nn::ops::sigmoid(&masks)?)?;
        self.answers(&scores, classes, masks)
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let classes = self.parts.classes.traced(input)?;
        let of_queries = self.probabilities(&classes.value.stream)?;
        let predicted = self.parts.masks.predict(input)?;
        let masks = candle_nn::ops::sigmoid(&predicted.masks)?;
        let scores = self.scores(&of_queries, &masks)?;
        let layout = input.layout;
        let (rows, count) = (masks.dim(0)?, self.count);
        Ok(Traced {
            value: self.answers(
                &scores,
                classes.value.stream.clone(),
                predicted.masks.clone(),
            )?,
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
                let from_classes = (classes.pull)(Hidden::new(on_logits, layout))?;
                predicted.pull(&on_masks, from_classes)
            }),
        })
    }

    fn is_differentiable(&self) -> bool {
        self.parts.is_differentiable()
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let logits = self
            .parts
            .classes
            .onnx(graph, input)?
            .stream
            .positions(graph);
        let masks = self.parts.masks.onnx(graph, input)?;
        let all = graph.softmax(&logits);
        let classes = graph.slice(&all, 2, 0..self.count as i64, 1);
        let classes = graph.transpose(&classes, &[0, 2, 1]);
        // Runtimes compute `Sigmoid` with a small absolute error, and the logarithm needs a small relative one.
        let (minus, one) = (graph.apply("Neg", &[&masks]), graph.float(1.0));
        let power = graph.apply("Exp", &[&minus]);
        let sum = graph.apply("Add", &[&one, &power]);
        let probabilities = graph.apply("Reciprocal", &[&sum]);
        let probabilities = graph.reshape(&probabilities, &[0, 0, -1]);
        let scores = graph.apply("MatMul", &[&classes, &probabilities]);
        let smallest = graph.float(SMALLEST as f32);
        let scores = graph.apply("Add", &[&scores, &smallest]);
        let answers = graph.apply("Log", &[&scores]);
        let [height, width] = self.parts.masks.size.map(|side| side as i64);
        let answers = Stream::Planes(graph.reshape(&answers, &[0, 0, height, width]));
        Ok(State::map(answers, map_of(self.parts.masks.size))
            .carrying(Slot::QueryClasses, Stream::Positions(logits))
            .carrying(Slot::QueryMasks, Stream::Planes(masks)))
    }

    fn extent(&self, extent: &Extent) -> Extent {
        extent_of(extent, self.parts.masks.size)
    }

    /// Returns the work of classes, masks and scores.
    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let mut work = self.parts.work(extent, widths);
        let pixels = extent_of(extent, self.parts.masks.size);
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

/// Answers with the parts of a semantic map: the logits of the classes of each query, and its mask as a logit at each pixel.
/// `[rows, queries, hidden]` to `[rows, queries, classes + 1 + pixels]`.
#[derive(Clone)]
pub struct QueryParts {
    /// From the stream to the logits of the classes of each query, the last one for no object.
    classes: Arc<Sequence>,
    masks: Arc<Masks>,
}

impl Layer for QueryParts {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let classes = self.classes.forward(input)?;
        let masks = self.masks.of(input)?.transpose(1, 2)?;
        let parts = Tensor::cat(&[&classes.stream, &masks], 2)?;
        Ok(Hidden::new(parts, input.layout))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let classes = self.classes.traced(input)?;
        let predicted = self.masks.predict(input)?;
        let logits = &classes.value.stream;
        let masks = predicted.masks.transpose(1, 2)?;
        let (count, pixels, layout) = (logits.dim(2)?, masks.dim(2)?, input.layout);
        Ok(Traced {
            value: Hidden::new(Tensor::cat(&[logits, &masks], 2)?, layout),
            pull: Box::new(move |cotangent: Hidden| {
                let on_logits = cotangent.stream.narrow(2, 0, count)?.contiguous()?;
                let on_masks = cotangent.stream.narrow(2, count, pixels)?;
                let on_masks = on_masks.transpose(1, 2)?.contiguous()?;
                let from_classes = (classes.pull)(Hidden::new(on_logits, layout))?;
                predicted.pull(&on_masks, from_classes)
            }),
        })
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let classes = self.classes.onnx(graph, input)?.stream.positions(graph);
        let masks = self.masks.onnx(graph, input)?;
        let masks = graph.reshape(&masks, &[0, 0, -1]);
        let parts = graph.concat(&[&classes, &masks], 2);
        Ok(input.with(parts))
    }

    fn is_differentiable(&self) -> bool {
        self.classes.is_differentiable() && self.masks.embedding.is_differentiable()
    }

    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let mut work = self.classes.work(extent, widths);
        work += self.masks.work(extent, widths);
        work
    }
}
