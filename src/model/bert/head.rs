//! The heads: a classifier that reads only the first token, one that reads every token, or none.

use super::class::Class;
use super::config::BertConfig;
use super::family::Family;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::encoder::sentence;
use crate::model::layer::dense::Dense;
use crate::model::layer::leading_positions::LeadingPositions;
use crate::model::layer::sequence::Sequence;
use crate::model::load;

/// Name of the map to the start and the end of an answer.
const QUESTION_OUTPUTS: &str = "qa_outputs";

/// Name of the classifier of each token.
const TOKEN_CLASSIFIER: &str = "classifier";

/// Builds the head of the configuration's class.
pub(super) fn head(
    family: &Family,
    config: &BertConfig,
    weights: &Weights,
) -> Result<Sequence, CheckpointError> {
    match config.class {
        Class::SequenceClassification => of_first_token(family, config, weights),
        Class::TokenClassification => of_each_token(family, config, TOKEN_CLASSIFIER, weights),
        Class::QuestionAnswering => of_each_token(family, config, QUESTION_OUTPUTS, weights),
        Class::Encoder => {
            family.keep_pooler(weights);
            Ok(Sequence::identity())
        }
        Class::SentenceTransformer => of_text(family, config, weights),
    }
}

/// Builds the head that reads the first token: `[rows, length, hidden]` to `[rows, 1, outputs]`.
fn of_first_token(
    family: &Family,
    config: &BertConfig,
    weights: &Weights,
) -> Result<Sequence, CheckpointError> {
    let head = family.head;
    let classifier = classifier(family, config, head.classifier, weights)?;
    let dense = load::dense(weights, head.dense, config.hidden, config.hidden)?;
    Ok(Sequence::identity()
        .then(LeadingPositions::one())
        .then(dense.activated(head.activation))
        .then(classifier))
}

/// Builds the head of a folder of sentence-transformers: `[rows, length, hidden]` to `[rows, 1, channels]`.
fn of_text(
    family: &Family,
    config: &BertConfig,
    weights: &Weights,
) -> Result<Sequence, CheckpointError> {
    let Some(modules) = &config.modules else {
        let missing = "the folder has no modules.json".to_owned();
        return Err(CheckpointError::Invalid(missing));
    };
    family.keep_pooler(weights);
    sentence::after(Sequence::identity(), modules, config.hidden, weights)
}

/// Builds the head that reads every token: `[rows, length, hidden]` to `[rows, length, outputs]`.
fn of_each_token(
    family: &Family,
    config: &BertConfig,
    name: &str,
    weights: &Weights,
) -> Result<Sequence, CheckpointError> {
    let classifier = classifier(family, config, name, weights)?;
    Ok(Sequence::identity().then(classifier))
}

fn classifier(
    family: &Family,
    config: &BertConfig,
    name: &str,
    weights: &Weights,
) -> Result<Dense, CheckpointError> {
    load::classifier(
        weights,
        name,
        config.class.name(family),
        config.hidden,
        config.labels.len(),
        config.counts_labels,
    )
}
