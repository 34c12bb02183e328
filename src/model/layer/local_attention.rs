//! Self-attention in which each position reads only those near it.

use candle_core::{Result, Tensor};

use super::self_attention::SelfAttention;
use super::{Layer, Pulled, to_input};
use crate::model::extent::Extent;
use crate::model::hidden::Hidden;
use crate::model::nn::bias::Bias;
use crate::model::nn::traced::Traced;
use crate::model::symbol::attention::{LOWEST, Term};
use crate::model::symbol::rotary::range;
use crate::model::symbol::state::State;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

/// The context of each head, as [`SelfAttention`] computes it, in which a position reads positions up to a distance. Its inner
/// channels are the queries.
pub struct LocalAttention {
    attention: SelfAttention,
    /// The largest distance of a position and another one that it reads.
    reach: usize,
}

impl LocalAttention {
    /// Creates a layer in which a position reads positions on both sides up to the distance `reach`.
    #[must_use]
    pub fn new(attention: SelfAttention, reach: usize) -> Self {
        Self { attention, reach }
    }

    /// Returns the bias of the scores.
    fn bias(&self, input: &Hidden) -> Result<Bias> {
        let keys = input.positions()?;
        if keys <= self.reach + 1 {
            return Ok(Bias::none());
        }
        let queries = self.attention.queries_of(keys);
        let numbers = (0..queries).flat_map(|query| {
            (0..keys).map(move |key| match query.abs_diff(key) <= self.reach {
                true => 0.0,
                false => f32::NEG_INFINITY,
            })
        });
        let numbers = numbers.collect::<Vec<f32>>();
        let shape = (1, 1, queries, keys);
        let numbers = Tensor::from_vec(numbers, shape, input.stream.device())?;
        Ok(Bias::none().plus(numbers))
    }

    /// Returns the bias of the scores in an ONNX graph, `[1, 1, queries, keys]`.
    fn bias_onnx(&self, graph: &mut Graph, input: &State) -> Term {
        let length = input.length(graph);
        let keys = range(graph, &length);
        let queries = match self.attention.selected() {
            None => keys.clone(),
            Some(count) => graph.ints(&(0..count as i64).collect::<Vec<i64>>()),
        };
        let queries = graph.unsqueeze(&queries, &[1]);
        let distances = graph.apply("Sub", &[&keys, &queries]);
        let distances = graph.apply("Abs", &[&distances]);
        let reach = graph.table(&[], &[self.reach as i64]);
        let is_near = graph.apply("LessOrEqual", &[&distances, &reach]);
        let (zero, lowest) = (graph.float(0.0), graph.float(LOWEST));
        let numbers = graph.apply("Where", &[&is_near, &zero, &lowest]);
        Term::Same(graph.unsqueeze(&numbers, &[0, 1]))
    }
}

impl Layer for LocalAttention {
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
        let bias = self.bias_onnx(graph, input);
        self.attention.onnx_with(graph, input, vec![bias])
    }

    fn queries_and_keys(&self, input: &Hidden) -> Result<Option<[Tensor; 2]>> {
        self.attention.queries_and_keys(input)
    }

    fn extent(&self, extent: &Extent) -> Extent {
        self.attention.extent(extent)
    }

    /// Returns the work over all pairs of positions. Scores of positions that are far from each other are computed, too, as in
    /// PyTorch and in ONNX graphs.
    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        self.attention.work(extent, widths)
    }
}
