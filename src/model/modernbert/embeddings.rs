//! The stem: word embeddings and their norm. Positions enter in the attention.

use candle_core::{Device, Result, Tensor};

use super::config::ModernBertConfig;
use super::names::of_body;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::batch::Batch;
use crate::model::chain::Stem;
use crate::model::extent::Extent;
use crate::model::hidden::Hidden;
use crate::model::layer::Layer;
use crate::model::layer::sequence::Sequence;
use crate::model::symbol::inputs::{attention_mask, of_tokens};
use crate::model::symbol::state::State;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

pub(super) struct Embeddings {
    words: Tensor,
    norm: Sequence,
}

impl Embeddings {
    pub(super) fn load(
        config: &ModernBertConfig,
        weights: &Weights,
    ) -> std::result::Result<Self, CheckpointError> {
        let name = of_body("embeddings.tok_embeddings.weight");
        Ok(Self {
            words: weights.tensor(&name, &[config.vocabulary, config.hidden])?,
            norm: config.norm(&of_body("embeddings.norm"), weights)?,
        })
    }
}

impl Stem for Embeddings {
    /// Computes the embeddings: token ids `[rows, length]` to `[rows, length, hidden]`.
    fn forward(&self, batch: &Batch) -> Result<Hidden> {
        let (ids, _) = batch.input.tokens()?;
        let (rows, length) = ids.dims2()?;
        let ids = ids.flatten_all()?.to_device(self.words.device())?;
        let words = self.words.index_select(&ids, 0)?;
        let words = words.reshape((rows, length, self.words.dim(1)?))?;
        self.norm.forward(&Hidden::sequence(words))
    }

    fn onnx(&self, graph: &mut Graph) -> Result<State> {
        let ids = of_tokens(graph, "input_ids");
        let mask = attention_mask(graph);
        let words = graph.weight(&self.words);
        let words = graph.gather(&words, &ids, 0);
        self.norm.onnx(graph, &State::sequence(words, Some(mask)))
    }

    /// Look-ups have no MACs.
    fn work(&self, extent: &Extent) -> Work {
        self.norm.work(extent, &Widths::new(&[]))
    }

    fn device(&self) -> &Device {
        self.words.device()
    }
}
