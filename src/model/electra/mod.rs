//! ELECTRA (Clark et al. 2020): the graph of BERT, whose embeddings may be narrower than its layers, with a GELU in the head.

use super::bert::family::{Family, LayerNames, Numbering, Projection, SequenceHead, SizeKeys};
use super::bert::{self, MODELING as MODELING_BERT};
use super::chain::Model;
use super::nn::activation::Activation;
use super::unit::Units;
use crate::checkpoint::config::{Config, SENTENCE_TRANSFORMER};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Names of the classes that write supported checkpoints.
pub const CLASSES: &[&str] = &[
    "ElectraForSequenceClassification",
    "ElectraForTokenClassification",
    "ElectraForQuestionAnswering",
    "ElectraModel",
    SENTENCE_TRANSFORMER,
];

const FAMILY: Family = Family {
    model_type: "electra",
    classes: CLASSES,
    body_class: "ElectraModel",
    prefix: "electra.",
    body: &["embeddings.", "embeddings_project.", "encoder."],
    layers: LayerNames::OF_BERT,
    keys: SizeKeys::OF_BERT,
    numbering: Numbering::FromZero,
    has_segments: true,
    projection: Some(Projection {
        name: "embeddings_project",
        key: "embedding_size",
    }),
    relative: None,
    norm_epsilon: None,
    head: SequenceHead {
        dense: "classifier.dense",
        activation: Activation::Gelu,
        classifier: "classifier.out_proj",
    },
    modeling: &[
        (
            "modeling_optin_electra.py",
            include_str!("modeling_optin_electra.py"),
        ),
        MODELING_BERT,
    ],
};

/// Builds the graph that the configuration describes from the weights.
///
/// # Errors
/// See [`bert::open`].
pub fn open(source: &Config, weights: &Weights, units: Units) -> Result<Model, CheckpointError> {
    bert::open_family(&FAMILY, source, weights, units)
}

/// Renames the tensors to the names that current versions of transformers use.
///
/// # Errors
/// Returns an error if a tensor exists under both names.
pub fn todays_names(weights: Weights) -> Result<Weights, CheckpointError> {
    bert::todays(&FAMILY, weights)
}
