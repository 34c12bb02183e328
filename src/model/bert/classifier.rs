//! The head: pooler and classifier, which read only the first token.

use candle_core::{Result, Tensor};

use super::config::BertConfig;
use super::load;
use crate::checkpoint::config::Problem;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::nn::linear::Linear;
use crate::model::nn::traced::{self, Traced};

pub(super) struct Classifier {
    pooler: Linear,
    classifier: Linear,
}

fn classes(config: &BertConfig) -> usize {
    match &config.problem {
        Problem::Classification { labels } => labels.len(),
        Problem::Regression => 1,
    }
}

impl Classifier {
    pub(super) fn load(
        config: &BertConfig,
        weights: &Weights,
    ) -> std::result::Result<Self, CheckpointError> {
        if !weights.contains("classifier.weight") {
            return Err(CheckpointError::UnsupportedModel(
                "the checkpoint has no classifier.weight, so it is not a BertForSequenceClassification; \
                 fine-tune it with a classification or regression head first"
                    .to_owned(),
            ));
        }
        if let Some(&[outputs, _]) = weights.shape("classifier.weight")
            && !config.counts_labels
            && outputs != classes(config)
        {
            return Err(CheckpointError::Invalid(format!(
                "tensor \"classifier.weight\" has {outputs} outputs, but config.json has no labels, and transformers then \
                 assumes 2; add \"num_labels\": {outputs} (or id2label) to config.json"
            )));
        }
        Ok(Self {
            pooler: load::linear(weights, "bert.pooler.dense", config.hidden, config.hidden)?,
            classifier: load::linear(weights, "classifier", config.hidden, classes(config))?,
        })
    }

    /// Computes the logits: `[rows, length, hidden]` to `[rows, classes]`.
    pub(super) fn forward(&self, hidden: &Tensor) -> Result<Tensor> {
        let first = hidden.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?;
        self.classifier
            .forward(&self.pooler.forward(&first)?.tanh()?)
    }

    /// Computes the same as [`forward`](Self::forward), with a pullback.
    pub(super) fn traced(&self, hidden: &Tensor) -> Result<Traced> {
        traced::first_position(hidden)?
            .then(|first| self.pooler.traced(first))?
            .then(traced::tanh)?
            .then(|pooled| self.classifier.traced(pooled))
    }
}

/// Returns the MACs of pooler and classifier for one row.
pub(super) fn macs(config: &BertConfig) -> u64 {
    (config.hidden * (config.hidden + classes(config))) as u64
}
