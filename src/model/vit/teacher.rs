//! The mean of two classifiers, each of which reads a position of its own (Touvron et al. 2021).

use candle_core::{Result, Tensor};

use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout};
use crate::model::layer::dense::Dense;
use crate::model::layer::{Layer, StreamLayer};
use crate::model::nn::traced::Traced;
use crate::model::symbol::state::State;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

/// `[rows, 2, hidden]` to `[rows, 1, outputs]`.
pub(super) struct MeanOfTwo([Dense; 2]);

impl MeanOfTwo {
    /// Creates the layer from the classifier of the first position and that of the second.
    pub(super) fn new(classifiers: [Dense; 2]) -> Self {
        Self(classifiers)
    }
}

/// Returns one position of each row, `[rows, 1, channels]`.
fn position(stream: &Tensor, index: usize) -> Result<Tensor> {
    stream.narrow(1, index, 1)?.contiguous()
}

impl Layer for MeanOfTwo {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let [first, second] = &self.0;
        let first = StreamLayer::forward(first, &position(&input.stream, 0)?)?;
        let second = StreamLayer::forward(second, &position(&input.stream, 1)?)?;
        Ok(Hidden::sequence(((first + second)? * 0.5)?))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let layout = input.layout;
        let maps = self.0.each_ref().map(|dense| dense.linear().clone());
        Ok(Traced {
            value: self.forward(input)?,
            pull: Box::new(move |cotangent: Hidden| {
                let half = (cotangent.stream * 0.5)?;
                let [first, second] = &maps;
                let stream = Tensor::cat(&[first.pull(&half)?, second.pull(&half)?], 1)?;
                Ok(Hidden::new(stream.contiguous()?, layout))
            }),
        })
    }

    fn extent(&self, extent: &Extent) -> Extent {
        extent.map(|_, _| (Layout::Sequence, 1))
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let stream = input.stream.positions(graph);
        let [first, second] = [0, 1].map(|at| graph.slice(&stream, 1, at..at + 1, 1));
        let [of_first, of_second] = self.0.each_ref().map(Dense::linear);
        let (first, second) = (
            of_first.onnx(graph, &first)?,
            of_second.onnx(graph, &second)?,
        );
        let (sum, half) = (graph.apply("Add", &[&first, &second]), graph.float(0.5));
        let mean = graph.apply("Mul", &[&sum, &half]);
        Ok(State::sequence(mean, None).with_count(1))
    }

    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let one = self.extent(extent);
        let [first, second] = &self.0;
        let mut work = StreamLayer::work(first, &one, widths);
        work += StreamLayer::work(second, &one, widths);
        work
    }
}
