//! The stem: word, position and segment embeddings, summed and normalized, and a map to the channels of the layers if the
//! embeddings have other ones.

use candle_core::{Device, Result, Tensor};

use super::config::BertConfig;
use super::family::{Family, Projection};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::batch::Batch;
use crate::model::chain::Stem;
use crate::model::extent::Extent;
use crate::model::hidden::Hidden;
use crate::model::layer::Layer;
use crate::model::layer::sequence::Sequence;
use crate::model::load;
use crate::model::symbol::inputs::{attention_mask, of_tokens};
use crate::model::symbol::state::State;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::constant::Element;
use crate::onnx::graph::Graph;
use crate::onnx::value::Value;

pub(super) struct Embeddings {
    words: Tensor,
    positions: Tensor,
    /// The id of the padding token, if positions are numbered from it.
    padding: Option<u32>,
    segments: Option<Tensor>,
    /// The norm, and the map to other channels.
    after: Sequence,
}

impl Embeddings {
    pub(super) fn load(
        family: &Family,
        config: &BertConfig,
        weights: &Weights,
    ) -> std::result::Result<Self, CheckpointError> {
        let width = config.embedded;
        let table = |name: &str, rows: usize| {
            let name = family.of_embeddings(&format!("{name}.weight"));
            weights.tensor(&name, &[rows, width])
        };
        let norm = family.of_embeddings("LayerNorm");
        let norm = load::norm(weights, &norm, width, config.norm_epsilon)?;
        Ok(Self {
            words: table("word_embeddings", config.vocabulary)?,
            positions: table("position_embeddings", config.positions)?,
            padding: config.padding.map(|padding| padding as u32),
            segments: match family.has_segments {
                true => Some(table("token_type_embeddings", config.segments)?),
                false => None,
            },
            after: match family.projection {
                Some(Projection { name, .. }) if width != config.hidden => {
                    let name = format!("{}{name}", family.prefix);
                    norm.then(load::dense(weights, &name, width, config.hidden)?)
                }
                _ => norm,
            },
        })
    }

    /// Returns the embeddings of the positions, `[rows or 1, length, width]`.
    fn of_positions(&self, ids: &Tensor) -> Result<Tensor> {
        let (rows, length) = ids.dims2()?;
        let Some(padding) = self.padding else {
            return self.positions.narrow(0, 0, length)?.unsqueeze(0);
        };
        let numbers = ids.to_vec2::<u32>()?.into_iter().flat_map(|ids| {
            let mut last = padding;
            ids.into_iter().map(move |id| match id == padding {
                true => padding,
                false => {
                    last += 1;
                    last
                }
            })
        });
        let numbers = Tensor::from_iter(numbers, ids.device())?;
        look_up(&self.positions, &numbers.reshape((rows, length))?)
    }

    /// Writes the embeddings of the positions into an ONNX graph.
    fn positions_onnx(&self, graph: &mut Graph, ids: &Value) -> Value {
        let Some(padding) = self.padding else {
            let length = graph.sizes(ids, 1..2);
            let (table, first) = (graph.weight(&self.positions), graph.ints(&[0]));
            let axis = graph.ints(&[0]);
            return graph.apply("Slice", &[&table, &first, &length, &axis]);
        };
        let padding = graph.table(&[], &[i64::from(padding)]);
        let is_padding = graph.apply("Equal", &[ids, &padding]);
        let is_token = graph.apply("Not", &[&is_padding]);
        let is_token = graph.cast(&is_token, Element::Int);
        let axis = graph.table(&[], &[1]);
        let count = graph.apply("CumSum", &[&is_token, &axis]);
        let count = graph.apply("Mul", &[&count, &is_token]);
        let numbers = graph.apply("Add", &[&count, &padding]);
        look_up_onnx(graph, &self.positions, &numbers)
    }
}

/// Returns the rows of a table at these indices: `[rows, length]` to `[rows, length, width]`.
fn look_up(table: &Tensor, indices: &Tensor) -> Result<Tensor> {
    let (rows, length) = indices.dims2()?;
    let indices = indices.flatten_all()?.to_device(table.device())?;
    let found = table.index_select(&indices, 0)?;
    found.reshape((rows, length, table.dim(1)?))
}

/// The same in an ONNX graph.
fn look_up_onnx(graph: &mut Graph, table: &Tensor, indices: &Value) -> Value {
    let table = graph.weight(table);
    graph.gather(&table, indices, 0)
}

impl Stem for Embeddings {
    /// Computes the embeddings: token and segment ids `[rows, length]` to `[rows, length, hidden]`.
    fn forward(&self, batch: &Batch) -> Result<Hidden> {
        let (ids, types) = batch.input.tokens()?;
        let words = look_up(&self.words, ids)?;
        let sum = match &self.segments {
            Some(segments) => (words + look_up(segments, types)?)?,
            None => words,
        };
        let sum = sum.broadcast_add(&self.of_positions(ids)?)?;
        self.after.forward(&Hidden::sequence(sum))
    }

    fn onnx(&self, graph: &mut Graph) -> Result<State> {
        let ids = of_tokens(graph, "input_ids");
        let mask = attention_mask(graph);
        let words = look_up_onnx(graph, &self.words, &ids);
        let sum = match &self.segments {
            Some(segments) => {
                let types = of_tokens(graph, "token_type_ids");
                let segments = look_up_onnx(graph, segments, &types);
                graph.apply("Add", &[&words, &segments])
            }
            None => words,
        };
        let positions = self.positions_onnx(graph, &ids);
        let sum = graph.apply("Add", &[&sum, &positions]);
        self.after.onnx(graph, &State::sequence(sum, Some(mask)))
    }

    /// Look-ups have no MACs.
    fn work(&self, extent: &Extent) -> Work {
        self.after.work(extent, &Widths::new(&[]))
    }

    fn device(&self) -> &Device {
        self.words.device()
    }
}
