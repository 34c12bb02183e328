//! The head: pooler and classifier, which read only the first token.

use super::config::BertConfig;
use super::load;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::layer::first_position::FirstPosition;
use crate::model::layer::sequence::Sequence;
use crate::model::layer::tanh::Tanh;

/// Builds the head: `[rows, length, hidden]` to `[rows, 1, classes]`.
pub(super) fn head(config: &BertConfig, weights: &Weights) -> Result<Sequence, CheckpointError> {
    if !weights.contains("classifier.weight") {
        return Err(CheckpointError::UnsupportedModel(
            "the checkpoint has no classifier.weight, so it is not a BertForSequenceClassification; \
             fine-tune it with a classification or regression head first"
                .to_owned(),
        ));
    }
    if let Some(&[outputs, _]) = weights.shape("classifier.weight")
        && !config.counts_labels
        && outputs != config.labels.len()
    {
        return Err(CheckpointError::Invalid(format!(
            "tensor \"classifier.weight\" has {outputs} outputs, but config.json has no labels, and transformers then \
             assumes 2; add \"num_labels\": {outputs} (or id2label) to config.json"
        )));
    }
    let pooler = load::dense(weights, "bert.pooler.dense", config.hidden, config.hidden)?;
    let classifier = load::dense(weights, "classifier", config.hidden, config.labels.len())?;
    Ok(Sequence::identity()
        .then(FirstPosition)
        .then(pooler)
        .then(Tanh)
        .then(classifier))
}
