//! MPNet (Song et al. 2020): the graph of BERT without segments, with positions that are numbered from 1, and with numbers
//! that all layers add to the scores by the distance of two positions.

use super::bert::family::{
    Family, LayerNames, Numbering, RelativePositions, SequenceHead, SizeKeys,
};
use super::bert::{self, BODY, MODELING as MODELING_BERT};
use super::chain::Model;
use super::nn::activation::Activation;
use super::unit::Units;
use crate::checkpoint::config::{Config, SENTENCE_TRANSFORMER};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Names of the classes that write supported checkpoints.
pub const CLASSES: &[&str] = &[
    "MPNetForSequenceClassification",
    "MPNetForTokenClassification",
    "MPNetForQuestionAnswering",
    "MPNetModel",
    SENTENCE_TRANSFORMER,
];

const FAMILY: Family = Family {
    model_type: "mpnet",
    classes: CLASSES,
    body_class: "MPNetModel",
    prefix: "mpnet.",
    body: BODY,
    layers: LayerNames {
        query: "attention.attn.q",
        key: "attention.attn.k",
        value: "attention.attn.v",
        output: "attention.attn.o",
        attention_norm: "attention.LayerNorm",
        ..LayerNames::OF_BERT
    },
    keys: SizeKeys::OF_BERT,
    // Whatever pad_token_id is.
    numbering: Numbering::After(1),
    has_segments: false,
    projection: None,
    relative: Some(RelativePositions {
        table: "encoder.relative_attention_bias.weight",
        buckets: "relative_attention_num_buckets",
    }),
    norm_epsilon: None,
    head: SequenceHead {
        dense: "classifier.dense",
        activation: Activation::Tanh,
        classifier: "classifier.out_proj",
    },
    modeling: &[
        (
            "modeling_optin_mpnet.py",
            include_str!("modeling_optin_mpnet.py"),
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
