//! The heads: a classifier that reads only the first token, or one that reads every token.

use super::class::Class;
use super::config::BertConfig;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::layer::dense::Dense;
use crate::model::layer::leading_positions::LeadingPositions;
use crate::model::layer::sequence::Sequence;
use crate::model::load;
use crate::model::nn::activation::Activation;

/// Builds the head of the configuration's class.
pub(super) fn head(config: &BertConfig, weights: &Weights) -> Result<Sequence, CheckpointError> {
    match config.class {
        Class::SequenceClassification => of_first_token(config, weights),
        Class::TokenClassification => of_every_token(config, weights),
    }
}

/// Builds pooler and classifier: `[rows, length, hidden]` to `[rows, 1, outputs]`.
fn of_first_token(config: &BertConfig, weights: &Weights) -> Result<Sequence, CheckpointError> {
    let classifier = classifier(config, weights)?;
    let pooler = load::dense(weights, "bert.pooler.dense", config.hidden, config.hidden)?;
    Ok(Sequence::identity()
        .then(LeadingPositions::one())
        .then(pooler.activated(Activation::Tanh))
        .then(classifier))
}

/// Builds a classifier at each position: `[rows, length, hidden]` to `[rows, length, outputs]`.
fn of_every_token(config: &BertConfig, weights: &Weights) -> Result<Sequence, CheckpointError> {
    Ok(Sequence::identity().then(classifier(config, weights)?))
}

fn classifier(config: &BertConfig, weights: &Weights) -> Result<Dense, CheckpointError> {
    load::check_classifier(weights, "classifier", config.class.name())?;
    if let Some(&[outputs, _]) = weights.shape("classifier.weight")
        && !config.counts_labels
        && outputs != config.labels.len()
    {
        return Err(CheckpointError::Invalid(format!(
            "tensor \"classifier.weight\" has {outputs} outputs, but config.json has no labels, and transformers then \
             assumes 2; add \"num_labels\": {outputs} (or id2label) to config.json"
        )));
    }
    load::dense(weights, "classifier", config.hidden, config.labels.len())
}
