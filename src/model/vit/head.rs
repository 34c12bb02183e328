//! The head: a norm, and one classifier of a special token or two of two.

use super::blocks::norm;
use super::config::{HeadKind, VitConfig};
use super::names::Names;
use super::teacher::MeanOfTwo;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::layer::dense::Dense;
use crate::model::layer::sequence::Sequence;
use crate::model::load;

/// Builds the head: `[rows, positions, hidden]` to `[rows, 1, outputs]`.
pub(super) fn head(
    config: &VitConfig,
    names: &Names,
    weights: &Weights,
) -> Result<Sequence, CheckpointError> {
    let classifier = |name: &str| -> Result<Dense, CheckpointError> {
        load::check_classifier(weights, name, config.class)?;
        load::dense(weights, name, config.hidden, config.labels.len())
    };
    let read = norm(config, &names.norm, weights)?.then(config.read_by_head());
    Ok(match (config.head, names.classifiers.as_slice()) {
        (HeadKind::First, [first, ..]) => read.then(classifier(first)?),
        (HeadKind::Both, [first, second, ..]) => {
            read.then(MeanOfTwo::new([classifier(first)?, classifier(second)?]))
        }
        (_, names) => {
            return Err(CheckpointError::Invalid(format!(
                "the head needs more than {} classifiers",
                names.len()
            )));
        }
    })
}
