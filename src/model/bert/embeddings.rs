//! The stem: word, position and segment embeddings, summed and normalized.

use candle_core::{Device, Result, Tensor};

use super::config::BertConfig;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::batch::Batch;
use crate::model::chain::Stem;
use crate::model::extent::Extent;
use crate::model::hidden::Hidden;
use crate::model::load;
use crate::model::nn::layer_norm::LayerNorm;
use crate::model::symbol::inputs::{attention_mask, of_tokens};
use crate::model::symbol::state::State;
use crate::model::work::Work;
use crate::onnx::graph::Graph;
use crate::onnx::node::Attribute;
use crate::onnx::value::Value;

pub(super) struct Embeddings {
    words: Tensor,
    positions: Tensor,
    segments: Tensor,
    norm: LayerNorm,
}

impl Embeddings {
    pub(super) fn load(
        config: &BertConfig,
        weights: &Weights,
    ) -> std::result::Result<Self, CheckpointError> {
        let table = |name: &str, rows: usize| {
            weights.tensor(
                &format!("bert.embeddings.{name}.weight"),
                &[rows, config.hidden],
            )
        };
        Ok(Self {
            words: table("word_embeddings", config.vocabulary)?,
            positions: table("position_embeddings", config.positions)?,
            segments: table("token_type_embeddings", config.segments)?,
            norm: load::layer_norm(
                weights,
                "bert.embeddings.LayerNorm",
                config.hidden,
                config.norm_epsilon,
            )?,
        })
    }
}

impl Stem for Embeddings {
    /// Computes the embeddings: token and segment ids `[rows, length]` to `[rows, length, hidden]`.
    fn forward(&self, batch: &Batch) -> Result<Hidden> {
        let (ids, types) = batch.input.tokens()?;
        let (rows, length) = ids.dims2()?;
        let hidden = self.words.dims()[1];
        let look_up = |table: &Tensor, indices: &Tensor| {
            let indices = indices.flatten_all()?.to_device(table.device())?;
            table
                .index_select(&indices, 0)?
                .reshape((rows, length, hidden))
        };
        let sum = (look_up(&self.words, ids)? + look_up(&self.segments, types)?)?;
        let sum = sum.broadcast_add(&self.positions.narrow(0, 0, length)?)?;
        Ok(Hidden::sequence(self.norm.forward(&sum)?))
    }

    fn onnx(&self, graph: &mut Graph) -> Result<State> {
        let ids = of_tokens(graph, "input_ids");
        let mask = attention_mask(graph);
        let types = of_tokens(graph, "token_type_ids");
        let look_up = |graph: &mut Graph, table: &Tensor, indices: &Value| {
            let table = graph.weight(table);
            graph.apply("Gather", &[&table, indices])
        };
        let words = look_up(graph, &self.words, &ids);
        let segments = look_up(graph, &self.segments, &types);
        let sum = graph.apply("Add", &[&words, &segments]);
        let length = [("start", Attribute::Int(1)), ("end", Attribute::Int(2))];
        let length = graph.apply_with("Shape", &[&ids], &length);
        let (table, first) = (graph.weight(&self.positions), graph.ints(&[0]));
        let axis = graph.ints(&[0]);
        let positions = graph.apply("Slice", &[&table, &first, &length, &axis]);
        let sum = graph.apply("Add", &[&sum, &positions]);
        Ok(State::sequence(self.norm.onnx(graph, &sum), Some(mask)))
    }

    /// Look-ups have no MACs.
    fn work(&self, extent: &Extent) -> Work {
        Work {
            written: extent.mean() * self.norm.width() as f64,
            ..Work::default()
        }
    }

    fn device(&self) -> &Device {
        self.words.device()
    }
}
