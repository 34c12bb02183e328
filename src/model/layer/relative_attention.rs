//! Self-attention with a learned number for each distance of two positions (Raffel et al. 2020), as MPNet has it.

use candle_core::{Result, Tensor};

use super::self_attention::SelfAttention;
use super::{Layer, Pulled, to_input};
use crate::model::extent::Extent;
use crate::model::hidden::Hidden;
use crate::model::nn::bias::Bias;
use crate::model::nn::traced::Traced;
use crate::model::symbol::attention::Term;
use crate::model::symbol::state::State;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;
use crate::onnx::value::Value;

/// The context of each head, as [`SelfAttention`] computes it, whose scores depend on the distance of query and key. Its
/// inner channels are the queries.
pub struct RelativeAttention {
    attention: SelfAttention,
    /// The number of each head for each [`bucket`] of distances, `[heads, buckets]`.
    table: Tensor,
}

/// Number of buckets: 16 for keys that are not to the right of the query, and 16 for the others.
pub const BUCKETS: usize = 32;

/// Number of distances with a bucket of their own, from 0.
const EXACT: usize = 8;

/// The smallest distances in the other buckets. Beyond the last one, all distances are in one bucket.
const FIRST: [usize; 8] = [8, 12, 16, 23, 32, 46, 64, 91];

/// The smallest distance of the last bucket of each side.
const FARTHEST: i64 = FIRST[FIRST.len() - 1] as i64;

impl RelativeAttention {
    /// Creates a layer from a table `[heads, buckets]`.
    #[must_use]
    pub fn new(attention: SelfAttention, table: Tensor) -> Self {
        Self { attention, table }
    }

    /// Returns the bias of the scores for rows of this length.
    fn bias(&self, input: &Hidden) -> Result<Bias> {
        let keys = input.positions()?;
        let queries = self.attention.queries_of(keys);
        let pairs = (0..queries).flat_map(|query| (0..keys).map(move |key| bucket(query, key)));
        let pairs = Tensor::from_iter(pairs, self.table.device())?;
        let numbers = self.table.index_select(&pairs, 1)?;
        let heads = self.table.dim(0)?;
        Ok(Bias::none().plus(numbers.reshape((1, heads, queries, keys))?))
    }
}

impl RelativeAttention {
    /// Returns the bias of the scores in an ONNX graph, `[1, heads, queries, keys]`.
    fn bias_onnx(&self, graph: &mut Graph, stream: &Value) -> Result<Term> {
        let length = graph.sizes(stream, 1..2);
        let length = graph.squeeze(&length, &[0]);
        let (zero, one) = (graph.table(&[], &[0]), graph.table(&[], &[1]));
        let keys = graph.apply("Range", &[&zero, &length, &one]);
        let queries = match self.attention.selected() {
            None => keys.clone(),
            Some(count) => graph.ints(&(0..count as i64).collect::<Vec<i64>>()),
        };
        let queries = graph.unsqueeze(&queries, &[1]);
        let distances = graph.apply("Sub", &[&keys, &queries]);
        let (least, most) = (
            graph.table(&[], &[-FARTHEST]),
            graph.table(&[], &[FARTHEST]),
        );
        let distances = graph.apply("Clip", &[&distances, &least, &most]);
        let places = graph.apply("Add", &[&distances, &most]);
        let of_distances = (-FARTHEST..=FARTHEST).map(|distance| {
            let size = distance.unsigned_abs() as usize;
            match distance > 0 {
                true => bucket(0, size),
                false => bucket(size, 0),
            }
        });
        let of_distances = Tensor::from_iter(of_distances, self.table.device())?;
        let table = graph.weight(&self.table.index_select(&of_distances, 1)?);
        let numbers = graph.gather(&table, &places, 1);
        Ok(Term::Same(graph.unsqueeze(&numbers, &[0])))
    }
}

/// Returns the bucket of the distance between the positions of a query and a key.
fn bucket(query: usize, key: usize) -> u32 {
    let distance = query.abs_diff(key);
    let bucket = match distance < EXACT {
        true => distance,
        false => EXACT - 1 + FIRST.iter().filter(|&&first| first <= distance).count(),
    };
    let right = if key > query { BUCKETS / 2 } else { 0 };
    (bucket + right) as u32
}

impl Layer for RelativeAttention {
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
        let stream = input.stream.positions(graph);
        let bias = self.bias_onnx(graph, &stream)?;
        self.attention.onnx_with(graph, input, vec![bias])
    }

    fn queries_and_keys(&self, input: &Hidden) -> Result<Option<[Tensor; 2]>> {
        self.attention.queries_and_keys(input)
    }

    fn extent(&self, extent: &Extent) -> Extent {
        self.attention.extent(extent)
    }

    /// Look-ups have no MACs.
    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        self.attention.work(extent, widths)
    }
}
