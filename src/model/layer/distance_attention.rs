//! Self-attention whose scores depend on the distance of query and key, too.

use candle_core::{Result, Tensor};

use super::self_attention::SelfAttention;
use super::{Layer, Pulled, to_input};
use crate::model::extent::Extent;
use crate::model::hidden::Hidden;
use crate::model::nn::bias::Bias;
use crate::model::nn::traced::Traced;
use crate::model::symbol::attention::Term;
use crate::model::symbol::range::range;
use crate::model::symbol::state::State;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;
use crate::onnx::value::Value;

/// What is added to the scores.
pub trait DistanceScores: Send + Sync {
    /// Returns the numbers for the scores of the first `queries` positions of a row with each of its `keys` positions,
    /// `[1, heads, queries, keys]` or `[1, 1, queries, keys]`, or `None` if all are 0.
    ///
    /// # Errors
    /// Returns an error if the device is out of memory.
    fn numbers(&self, queries: usize, keys: usize) -> Result<Option<Tensor>>;

    /// Writes the same numbers into an ONNX graph. `distances` are the positions of the keys minus those of the queries,
    /// `[queries, keys]`.
    ///
    /// # Errors
    /// Returns an error if the device is out of memory.
    fn onnx(&self, graph: &mut Graph, distances: &Value) -> Result<Value>;
}

/// The context of each head, as [`SelfAttention`] computes it, with [numbers](DistanceScores) added to the scores. Its inner
/// channels are the queries.
pub struct DistanceAttention<S> {
    attention: SelfAttention,
    scores: S,
}

impl<S: DistanceScores> DistanceAttention<S> {
    /// Creates a layer.
    #[must_use]
    pub fn new(attention: SelfAttention, scores: S) -> Self {
        Self { attention, scores }
    }

    /// Returns the bias of the scores.
    fn bias(&self, input: &Hidden) -> Result<Bias> {
        let keys = input.positions()?;
        let queries = self.attention.queries_of(keys);
        Ok(match self.scores.numbers(queries, keys)? {
            Some(numbers) => Bias::none().plus(numbers),
            None => Bias::none(),
        })
    }

    /// Returns the bias of the scores in an ONNX graph.
    fn bias_onnx(&self, graph: &mut Graph, input: &State) -> Result<Term> {
        let length = input.length(graph);
        let keys = range(graph, &length);
        let queries = match self.attention.selected() {
            None => keys.clone(),
            Some(count) => graph.ints(&(0..count as i64).collect::<Vec<i64>>()),
        };
        let queries = graph.unsqueeze(&queries, &[1]);
        let distances = graph.apply("Sub", &[&keys, &queries]);
        Ok(Term::Same(self.scores.onnx(graph, &distances)?))
    }
}

impl<S: DistanceScores> Layer for DistanceAttention<S> {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        self.attention.under(input, None, &self.bias(input)?)
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        Ok(to_input(self.traced_inside(input)?))
    }

    fn inner_channels(&self) -> usize {
        self.attention.inner_channels()
    }

    fn forward_masked(&self, input: &Hidden, factors: &Tensor) -> Result<Hidden> {
        let bias = self.bias(input)?;
        self.attention.under(input, Some(factors), &bias)
    }

    fn traced_inside(&self, input: &Hidden) -> Result<Traced<Hidden, Pulled>> {
        self.attention.traced_under(input, self.bias(input)?)
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let bias = self.bias_onnx(graph, input)?;
        self.attention.onnx_with(graph, input, vec![bias])
    }

    fn queries_and_keys(&self, input: &Hidden) -> Result<Option<[Tensor; 2]>> {
        self.attention.queries_and_keys(input)
    }

    fn extent(&self, extent: &Extent) -> Extent {
        self.attention.extent(extent)
    }

    /// Returns the work of the attention over all pairs of positions. Numbers that are added have no MACs.
    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        self.attention.work(extent, widths)
    }
}
