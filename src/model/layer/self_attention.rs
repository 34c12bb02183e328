//! Self-attention among all positions of a row, from separate query, key and value maps.

use candle_core::{Result, Tensor};

use super::dense::Dense;
use super::leading_positions::{LeadingPositions, spread};
use super::{Layer, Pulled, to_input};
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout, Slot};
use crate::model::nn::attention::{Heads, attend_with};
use crate::model::nn::attention_back;
use crate::model::nn::bias::Bias;
use crate::model::nn::linear::Linear;
use crate::model::nn::rotary::Rotary;
use crate::model::nn::traced::Traced;
use crate::model::nn::units::mask_derivative;
use crate::model::symbol::attention::{self, Term};
use crate::model::symbol::rotary::Turns;
use crate::model::symbol::state::State;
use crate::model::width::Widths;
use crate::model::work::{Terms, Work};
use crate::onnx::graph::Graph;
use crate::onnx::value::Value;

/// The context of each head: `[rows, positions, hidden]` to `[rows, positions, heads * value]`. Its inner channels are
/// the queries.
pub struct SelfAttention {
    /// Maps to query, key and value.
    incoming: [Dense; 3],
    heads: Heads,
    /// How queries and keys are turned by their positions. `None` if they are not.
    rotary: Option<Rotary>,
    /// The selection of the positions for which a context is computed. `None` for all positions.
    selection: Option<LeadingPositions>,
}

impl SelfAttention {
    /// Creates a layer from the maps to query, key `[heads * query, hidden]` and value `[heads * value, hidden]`.
    #[must_use]
    pub fn new(incoming: [Dense; 3], heads: Heads) -> Self {
        Self {
            incoming,
            heads,
            rotary: None,
            selection: None,
        }
    }

    /// Turns the queries and keys of each head by their positions, which are numbered from 0. The heads have as many queries
    /// as `rotary` turns.
    #[must_use]
    pub fn turned(self, rotary: Rotary) -> Self {
        Self {
            rotary: Some(rotary),
            ..self
        }
    }

    /// Computes the context only for these positions of each row, because later layers read no other. Keys and values are
    /// those of all positions.
    #[must_use]
    pub fn at(self, selection: Option<LeadingPositions>) -> Self {
        Self { selection, ..self }
    }

    /// Returns the number of queries of a row with this number of positions.
    pub(super) fn queries_of(&self, positions: usize) -> usize {
        self.selection
            .map_or(positions, |selection| selection.count())
    }

    /// Returns query, key and value. The last two have all positions.
    fn parts(&self, input: &Hidden) -> Result<[Tensor; 3]> {
        let [query, key, value] = self.incoming.each_ref().map(Dense::linear);
        let all = &input.stream;
        let query = match self.selection {
            None => query.forward(all)?,
            Some(selection) => query.forward(&selection.of(all)?)?,
        };
        let key = key.forward(all)?;
        let (query, key) = match &self.rotary {
            Some(rotary) => (rotary.turn(&query)?, rotary.turn(&key)?),
            None => (query, key),
        };
        Ok([query, key, value.forward(all)?])
    }

    /// Runs the layer with its queries multiplied by `factors`, f32 `[inner]` or `[rows, 1, inner]`, and this bias of the
    /// scores.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub(super) fn under(
        &self,
        input: &Hidden,
        factors: Option<&Tensor>,
        bias: &Bias,
    ) -> Result<Hidden> {
        let [query, key, value] = self.parts(input)?;
        let query = match factors {
            Some(factors) => query.broadcast_mul(factors)?,
            None => query,
        };
        let context = attend_with(&query, &key, &value, self.heads, bias)?;
        Ok(self.output(input, context))
    }

    /// Runs the layer with this bias of the scores, and returns the same value with its pullback, which does not reach the
    /// bias.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub(super) fn traced_under(
        &self,
        input: &Hidden,
        bias: Bias,
    ) -> Result<Traced<Hidden, Pulled>> {
        let [query, key, value] = self.parts(input)?;
        let attention = attention_back::traced_with(query, key, value, self.heads, bias)?;
        let backward = Backward {
            incoming: self.incoming.each_ref().map(|map| map.linear().clone()),
            rotary: self.rotary.clone(),
            selects: self.selection.is_some(),
            layout: input.layout,
        };
        Ok(Traced {
            value: self.output(input, attention.value.clone()),
            pull: Box::new(move |cotangent| {
                let parts = attention.pull(&cotangent.stream)?;
                let inner = mask_derivative(&attention.query, &parts[0], 1)?;
                Ok(Pulled {
                    input: backward.input(&cotangent, parts)?,
                    inner: Some(inner),
                })
            }),
        })
    }

    /// Writes the layer into an ONNX graph, with these terms of the scores: `[rows, positions, hidden]` to
    /// `[rows, positions, heads * value]`. `length` is the number of positions, `[1]`.
    ///
    /// # Errors
    /// Returns an error if the device is out of memory.
    pub(super) fn onnx_under(
        &self,
        graph: &mut Graph,
        stream: &Value,
        length: &Value,
        terms: &[Term],
    ) -> Result<Value> {
        if self.heads.values() == 0 {
            return Ok(attention::nothing(graph));
        }
        let queries_at = match self.selection {
            None => stream.clone(),
            Some(selection) => selection.onnx_of(graph, stream),
        };
        let maps = self.incoming.each_ref().map(Dense::linear);
        let inputs = [&queries_at, stream, stream];
        let turns = self.rotary.as_ref().map(|rotary| {
            let of_keys = Turns::of(graph, rotary, length);
            let of_queries = match self.selection {
                None => of_keys.clone(),
                Some(selection) => {
                    let count = graph.ints(&[selection.count() as i64]);
                    Turns::of(graph, rotary, &count)
                }
            };
            [of_queries, of_keys]
        });
        let turns = turns.as_ref().map(|[queries, keys]| [queries, keys]);
        let [query, key, value] = attention::projected(graph, maps, inputs, self.heads, turns)?;
        Ok(attention::attend(
            graph,
            [&query, &key, &value],
            self.heads,
            terms,
        ))
    }

    /// Writes the layer into an ONNX graph, with these terms of the scores and those of padding and merged positions.
    ///
    /// # Errors
    /// Returns an error if the device is out of memory.
    pub(super) fn onnx_with(
        &self,
        graph: &mut Graph,
        input: &State,
        mut terms: Vec<Term>,
    ) -> Result<State> {
        let stream = input.stream.positions(graph);
        if let Some(mask) = &input.mask {
            terms.push(attention::of_padding(graph, mask));
        }
        if let Some(sizes) = input.find(Slot::Sizes) {
            let sizes = sizes.positions(graph);
            let log = graph.apply("Log", &[&sizes]);
            terms.push(attention::of_keys(graph, &log));
        }
        let length = input.length(graph);
        let context = self.onnx_under(graph, &stream, &length, &terms)?;
        Ok(match self.selection {
            None => input.with(context),
            Some(selection) => State::sequence(context, None).with_count(selection.count()),
        })
    }

    /// Returns the number of positions for which a context is computed. `None` for all.
    pub(super) fn selected(&self) -> Option<usize> {
        self.selection.map(LeadingPositions::count)
    }

    /// Returns the number of channels that the layer reads, and that it returns.
    pub(super) fn channels(&self) -> [usize; 2] {
        [self.incoming[2].linear().inputs(), self.heads.values()]
    }

    /// Returns the work for queries and keys at rows of these shapes, with `pairs` pairs of a query and a key per row (Kwon
    /// et al. 2022).
    pub(super) fn work_of_pairs(
        &self,
        queries_at: &Extent,
        keys_at: &Extent,
        pairs: f64,
        widths: &Widths<'_>,
    ) -> Work {
        let [query, key, value] = &self.incoming;
        let mut work = query.work(queries_at, widths);
        work += key.work(keys_at, widths);
        work += value.work(keys_at, widths);
        let (queries, values) = (query.outputs(widths), value.outputs(widths));
        work.macs += (Terms::from(&queries) + Terms::from(&values)) * pairs;
        work.written += queries_at.mean() * values.full;
        work.remembered += queries_at.mean() * values.full;
        work
    }

    /// Returns the state of the positions of the queries.
    fn output(&self, input: &Hidden, context: Tensor) -> Hidden {
        match self.selection {
            None => input.with_stream(context),
            Some(_) => Hidden::sequence(context),
        }
    }
}

/// Returns the bias of the scores: the logarithm of the number of original positions that each position stands for (Bolya
/// et al. 2023, proportional attention). It adds nothing while nothing is merged.
fn bias(input: &Hidden) -> Result<Bias> {
    match input.carried(Slot::Sizes) {
        Some(sizes) => Bias::of_keys(&sizes.log()?),
        None => Ok(Bias::none()),
    }
}

/// The way back from query, key and value to the input.
struct Backward {
    incoming: [Linear; 3],
    rotary: Option<Rotary>,
    /// Whether the queries are those of the first positions.
    selects: bool,
    /// Arrangement of the positions of the input.
    layout: Layout,
}

impl Backward {
    /// Maps cotangents on query, key and value to the cotangent on the input. `cotangent` is that on the output.
    fn input(&self, cotangent: &Hidden, [query, key, value]: [Tensor; 3]) -> Result<Hidden> {
        let [of_query, of_key, of_value] = &self.incoming;
        let (query, key) = match &self.rotary {
            Some(rotary) => (rotary.turn_back(&query)?, rotary.turn_back(&key)?),
            None => (query, key),
        };
        let all = (of_key.pull(&key)? + of_value.pull(&value)?)?;
        let query = of_query.pull(&query)?;
        if !self.selects {
            return Ok(cotangent.with_stream((all + query)?));
        }
        let query = spread(query, all.dim(1)?)?;
        Ok(Hidden::new((all + query)?, self.layout))
    }
}

impl Layer for SelfAttention {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        self.under(input, None, &bias(input)?)
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        Ok(to_input(self.traced_inside(input)?))
    }

    fn inner_channels(&self) -> usize {
        self.heads.queries()
    }

    fn forward_masked(&self, input: &Hidden, factors: &Tensor) -> Result<Hidden> {
        self.under(input, Some(factors), &bias(input)?)
    }

    fn traced_inside(&self, input: &Hidden) -> Result<Traced<Hidden, Pulled>> {
        self.traced_under(input, bias(input)?)
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        self.onnx_with(graph, input, Vec::new())
    }

    fn queries_and_keys(&self, input: &Hidden) -> Result<Option<[Tensor; 2]>> {
        let [query, key, _] = self.parts(input)?;
        Ok(Some([query, key]))
    }

    fn extent(&self, extent: &Extent) -> Extent {
        match self.selection {
            None => extent.clone(),
            Some(selection) => selection.extent(extent),
        }
    }

    /// Returns the work of the three maps, and of scores and context over all pairs of positions.
    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let at = self.extent(extent);
        self.work_of_pairs(&at, extent, at.mean_product(extent), widths)
    }
}
