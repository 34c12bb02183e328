//! The heads: a classifier that reads only the first token, or one that reads every token.

use super::config::BertConfig;
use super::load;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::layer::dense::Dense;
use crate::model::layer::first_position::FirstPosition;
use crate::model::layer::sequence::Sequence;
use crate::model::layer::tanh::Tanh;

/// Builds a head from the configuration and the weights.
type Build = fn(&BertConfig, &Weights) -> Result<Sequence, CheckpointError>;

/// The classes of transformers whose heads are supported, the default one first.
const HEADS: &[(&str, Build)] = &[
    ("BertForSequenceClassification", of_first_token),
    ("BertForTokenClassification", of_every_token),
];

/// Returns the supported class whose head the class that wrote a checkpoint has. Without a class, the default one is
/// returned.
pub(super) fn class(written: Option<&str>) -> &'static str {
    let known = HEADS.iter().map(|(class, _)| *class);
    let mut known = known.filter(|class| written.is_some_and(|written| written.ends_with(class)));
    known.next().unwrap_or(HEADS[0].0)
}

/// Builds the head of the configuration's class.
pub(super) fn head(config: &BertConfig, weights: &Weights) -> Result<Sequence, CheckpointError> {
    let head = HEADS.iter().find(|(class, _)| *class == config.class);
    head.map_or(HEADS[0].1, |(_, build)| *build)(config, weights)
}

/// Builds pooler and classifier: `[rows, length, hidden]` to `[rows, 1, outputs]`.
fn of_first_token(config: &BertConfig, weights: &Weights) -> Result<Sequence, CheckpointError> {
    let classifier = classifier(config, weights)?;
    let pooler = load::dense(weights, "bert.pooler.dense", config.hidden, config.hidden)?;
    Ok(Sequence::identity()
        .then(FirstPosition)
        .then(pooler)
        .then(Tanh)
        .then(classifier))
}

/// Builds a classifier at each position: `[rows, length, hidden]` to `[rows, length, outputs]`.
fn of_every_token(config: &BertConfig, weights: &Weights) -> Result<Sequence, CheckpointError> {
    Ok(Sequence::identity().then(classifier(config, weights)?))
}

fn classifier(config: &BertConfig, weights: &Weights) -> Result<Dense, CheckpointError> {
    if !weights.contains("classifier.weight") {
        return Err(CheckpointError::UnsupportedModel(format!(
            "the checkpoint has no classifier.weight, so it is not a {}; \
             fine-tune it with a head for its task first",
            config.class
        )));
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
    load::dense(weights, "classifier", config.hidden, config.labels.len())
}
