//! Attention of queries that have learned positions, among themselves or to a map.

use candle_core::{Result, Tensor};

use super::dense::Dense;
use super::{Layer, Pulled, to_input};
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout, Slot};
use crate::model::nn::attention::{Heads, attend_with};
use crate::model::nn::attention_back;
use crate::model::nn::bias::Bias;
use crate::model::nn::linear::Linear;
use crate::model::nn::traced::Traced;
use crate::model::nn::units::mask_derivative;
use crate::model::symbol::attention::{self, Term};
use crate::model::symbol::state::State;
use crate::model::width::Widths;
use crate::model::work::{Terms, Work};
use crate::onnx::graph::Graph;

/// The context of each head: `[rows, queries, hidden]` to `[rows, queries, heads * value]`. Positions are added to what
/// queries and keys are computed from, but not values. Its inner channels are the queries' channels.
pub struct PositionedAttention {
    /// Maps to query, key and value.
    incoming: [Dense; 3],
    heads: Heads,
    /// Positions of the queries, `[1, queries, hidden]`.
    positions: Tensor,
    /// The map that they read. `None` if they read each other.
    source: Option<Source>,
}

/// A carried map that queries read under a [mask](Slot::AttentionMask).
pub struct Source {
    /// The slot of the map.
    pub slot: Slot,
    /// Positions of its pixels, `[1, positions, hidden]`.
    pub positions: Tensor,
}

impl PositionedAttention {
    /// Creates a layer in which queries read each other. See [`reading`](Self::reading) for one in which they read a map.
    #[must_use]
    pub fn new(incoming: [Dense; 3], heads: Heads, positions: Tensor) -> Self {
        Self {
            incoming,
            heads,
            positions,
            source: None,
        }
    }

    /// Makes the queries read a carried map instead of each other.
    #[must_use]
    pub fn reading(self, source: Source) -> Self {
        Self {
            source: Some(source),
            ..self
        }
    }

    /// Returns query, key and value, and the bias of the scores.
    fn parts(&self, input: &Hidden) -> Result<([Tensor; 3], Bias)> {
        let [query, key, value] = self.incoming.each_ref().map(Dense::linear);
        let positioned = input.stream.broadcast_add(&self.positions)?;
        let query = query.forward(&positioned)?;
        let Some(source) = &self.source else {
            let parts = [
                query,
                key.forward(&positioned)?,
                value.forward(&input.stream)?,
            ];
            return Ok((parts, Bias::none()));
        };
        let (Some(map), Some(mask)) = (
            input.carried(source.slot),
            input.carried(Slot::AttentionMask),
        ) else {
            candle_core::bail!("no layer before carries {:?} and a mask", source.slot);
        };
        let keys = key.forward(&map.broadcast_add(&source.positions)?)?;
        let bias = Bias::none().plus(mask.unsqueeze(1)?);
        Ok(([query, keys, value.forward(map)?], bias))
    }

    /// Returns the rows of what the queries read.
    fn read(&self, extent: &Extent) -> Extent {
        match &self.source {
            None => extent.clone(),
            Some(source) => extent.map(|_, _| (Layout::Sequence, source.positions.dims()[1])),
        }
    }
}

impl Layer for PositionedAttention {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let ([query, key, value], bias) = self.parts(input)?;
        let context = attend_with(&query, &key, &value, self.heads, &bias)?;
        Ok(input.with_stream(context))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        Ok(to_input(self.traced_inside(input)?))
    }

    fn inner_channels(&self) -> usize {
        self.heads.queries()
    }

    fn forward_masked(&self, input: &Hidden, factors: &Tensor) -> Result<Hidden> {
        let ([query, key, value], bias) = self.parts(input)?;
        let query = query.broadcast_mul(factors)?;
        let context = attend_with(&query, &key, &value, self.heads, &bias)?;
        Ok(input.with_stream(context))
    }

    fn traced_inside(&self, input: &Hidden) -> Result<Traced<Hidden, Pulled>> {
        let ([query, key, value], bias) = self.parts(input)?;
        let attention = attention_back::traced_with(query, key, value, self.heads, bias)?;
        let incoming: [Linear; 3] = self.incoming.each_ref().map(|map| map.linear().clone());
        let slot = self.source.as_ref().map(|source| source.slot);
        Ok(Traced {
            value: input.with_stream(attention.value.clone()),
            pull: Box::new(move |cotangent: Hidden| {
                let [query, key, value] = attention.pull(&cotangent.stream)?;
                let inner = Some(mask_derivative(&attention.query, &query, 1)?);
                let [of_query, of_key, of_value] = &incoming;
                let query = of_query.pull(&query)?;
                let read = (of_key.pull(&key)? + of_value.pull(&value)?)?;
                let input = match slot {
                    None => cotangent.with_stream((query + read)?),
                    Some(slot) => cotangent.with_stream(query).adding(slot, read)?,
                };
                Ok(Pulled { input, inner })
            }),
        })
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        if self.heads.values() == 0 {
            return Ok(input.with(attention::nothing(graph)));
        }
        let stream = input.stream.positions(graph);
        let positions = graph.weight(&self.positions);
        let positioned = graph.apply("Add", &[&stream, &positions]);
        let maps = self.incoming.each_ref().map(Dense::linear);
        let (keys_at, values_at, terms) = match &self.source {
            None => (positioned.clone(), stream, Vec::new()),
            Some(source) => {
                let map = input.carried(source.slot)?.positions(graph);
                let positions = graph.weight(&source.positions);
                let keys_at = graph.apply("Add", &[&map, &positions]);
                let mask = input.carried(Slot::AttentionMask)?.positions(graph);
                let mask = graph.unsqueeze(&mask, &[1]);
                (keys_at, map, vec![Term::Same(mask)])
            }
        };
        let inputs = [&positioned, &keys_at, &values_at];
        let [query, key, value] = attention::projected(graph, maps, inputs, self.heads, None)?;
        let context = attention::attend(graph, [&query, &key, &value], self.heads, &terms);
        Ok(input.with(context))
    }

    fn queries_and_keys(&self, input: &Hidden) -> Result<Option<[Tensor; 2]>> {
        let ([query, key, _], _) = self.parts(input)?;
        Ok(Some([query, key]))
    }

    /// Returns the work of the three maps, and of scores and context over all pairs.
    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let read = self.read(extent);
        let [query, key, value] = &self.incoming;
        let mut work = query.work(extent, widths);
        work += key.work(&read, widths);
        work += value.work(&read, widths);
        let (queries, values) = (query.outputs(widths), value.outputs(widths));
        let pairs = extent.mean_product(&read);
        work.macs += (Terms::from(&queries) + Terms::from(&values)) * pairs;
        work.written += extent.mean() * values.full;
        work.remembered += extent.mean() * values.full;
        work
    }
}
