//! The heads: a classifier of texts or of tokens, or what follows the encoder in a folder of sentence-transformers. All of
//! them begin with the last norm of the body.

use super::config::{ModernBertConfig, Reading};
use super::names::of_body;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::encoder::sentence;
use crate::model::layer::dense::Dense;
use crate::model::layer::leading_positions::LeadingPositions;
use crate::model::layer::pool_row::PoolRow;
use crate::model::layer::sequence::Sequence;
use crate::model::load;
use crate::model::nn::pool::Pooling;

/// Name of the classifier.
const CLASSIFIER: &str = "classifier";

/// Name of the map before it.
const DENSE: &str = "head.dense";

/// Name of the norm between both.
const NORM: &str = "head.norm";

/// Builds the head of the configuration.
pub(super) fn head(
    config: &ModernBertConfig,
    weights: &Weights,
) -> Result<Sequence, CheckpointError> {
    let normed = config.norm(&of_body("final_norm"), weights)?;
    let read = match &config.reading {
        Reading::First => normed.then(LeadingPositions::one()),
        Reading::Mean => normed.then(PoolRow::new(Pooling::Mean, config.hidden)),
        Reading::Every => normed,
        Reading::Modules(modules) => {
            return sentence::after(normed, modules, config.hidden, weights);
        }
    };
    let classifier = load::classifier(
        weights,
        CLASSIFIER,
        config.class(),
        config.hidden,
        config.labels.len(),
        config.counts_labels,
    )?;
    let sizes = [config.hidden; 2];
    let dense = load::linear_with(weights, DENSE, sizes, config.has_bias.classifier)?;
    let dense = Dense::new(format!("{DENSE}.weight"), dense);
    Ok(read
        .then(dense.activated(config.head_activation))
        .then(config.layer_norm(NORM, weights)?)
        .then(classifier))
}
