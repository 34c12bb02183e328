//! DistilBERT (Sanh et al. 2019): the graph of BERT with other names, without segments, and with a ReLU in the head.

use super::bert::family::{Family, LayerNames, Numbering, SequenceHead, SizeKeys};
use super::bert::{self, MODELING as MODELING_BERT};
use super::chain::Model;
use super::nn::activation::Activation;
use super::unit::Units;
use crate::checkpoint::config::{Config, SENTENCE_TRANSFORMER};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Names of the classes that write supported checkpoints.
pub const CLASSES: &[&str] = &[
    "DistilBertForSequenceClassification",
    "DistilBertForTokenClassification",
    "DistilBertForQuestionAnswering",
    "DistilBertModel",
    SENTENCE_TRANSFORMER,
];

const FAMILY: Family = Family {
    model_type: "distilbert",
    classes: CLASSES,
    body_class: "DistilBertModel",
    prefix: "distilbert.",
    body: &["embeddings.", "transformer."],
    layers: LayerNames {
        list: "transformer.layer",
        query: "attention.q_lin",
        key: "attention.k_lin",
        value: "attention.v_lin",
        output: "attention.out_lin",
        attention_norm: "sa_layer_norm",
        first: "ffn.lin1",
        second: "ffn.lin2",
        feed_forward_norm: "output_layer_norm",
    },
    keys: SizeKeys {
        hidden: "dim",
        layers: "n_layers",
        heads: "n_heads",
        neurons: "hidden_dim",
        activation: "activation",
    },
    numbering: Numbering::FromZero,
    has_segments: false,
    projection: None,
    relative: None,
    norm_epsilon: Some(1e-12),
    head: SequenceHead {
        dense: "pre_classifier",
        activation: Activation::Relu,
        classifier: "classifier",
    },
    modeling: &[
        (
            "modeling_optin_distilbert.py",
            include_str!("modeling_optin_distilbert.py"),
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
