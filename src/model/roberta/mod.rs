//! RoBERTa (Liu et al. 2019), and the families with the same graph: XLM-RoBERTa and CamemBERT.
//!
//! The graph is that of BERT. Positions are numbered from the id of the padding token, and the head has its own map in place
//! of the pooler.

use super::bert::family::{Family, LayerNames, Numbering, SequenceHead, SizeKeys};
use super::bert::{self, BODY, MODELING as MODELING_BERT};
use super::chain::Model;
use super::nn::activation::Activation;
use super::unit::Units;
use crate::checkpoint::config::{Config, SENTENCE_TRANSFORMER};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Names of the classes that write supported checkpoints.
pub const CLASSES: &[&str] = &[
    "RobertaForSequenceClassification",
    "RobertaForTokenClassification",
    "RobertaForQuestionAnswering",
    "RobertaModel",
    SENTENCE_TRANSFORMER,
];

/// The same of XLM-RoBERTa.
pub const XLM_CLASSES: &[&str] = &[
    "XLMRobertaForSequenceClassification",
    "XLMRobertaForTokenClassification",
    "XLMRobertaForQuestionAnswering",
    "XLMRobertaModel",
    SENTENCE_TRANSFORMER,
];

/// The same of CamemBERT.
pub const CAMEMBERT_CLASSES: &[&str] = &[
    "CamembertForSequenceClassification",
    "CamembertForTokenClassification",
    "CamembertForQuestionAnswering",
    "CamembertModel",
    SENTENCE_TRANSFORMER,
];

const FAMILY: Family = family(
    "roberta",
    CLASSES,
    "RobertaModel",
    &[
        (
            "modeling_optin_roberta.py",
            include_str!("modeling_optin_roberta.py"),
        ),
        MODELING_BERT,
    ],
);

const XLM: Family = family(
    "xlm-roberta",
    XLM_CLASSES,
    "XLMRobertaModel",
    &[
        (
            "modeling_optin_xlm_roberta.py",
            include_str!("modeling_optin_xlm_roberta.py"),
        ),
        MODELING_BERT,
    ],
);

const CAMEMBERT: Family = family(
    "camembert",
    CAMEMBERT_CLASSES,
    "CamembertModel",
    &[
        (
            "modeling_optin_camembert.py",
            include_str!("modeling_optin_camembert.py"),
        ),
        MODELING_BERT,
    ],
);

/// Returns a family with this graph. All of them use the same prefix.
const fn family(
    model_type: &'static str,
    classes: &'static [&'static str],
    body_class: &'static str,
    modeling: &'static [(&'static str, &'static str)],
) -> Family {
    Family {
        model_type,
        classes,
        body_class,
        prefix: "roberta.",
        body: BODY,
        layers: LayerNames::OF_BERT,
        keys: SizeKeys::OF_BERT,
        numbering: Numbering::AfterPadding,
        has_segments: true,
        projection: None,
        relative: None,
        norm_epsilon: None,
        head: SequenceHead {
            dense: "classifier.dense",
            activation: Activation::Tanh,
            classifier: "classifier.out_proj",
        },
        modeling,
    }
}

/// Builds the graph that the configuration describes from the weights.
///
/// # Errors
/// See [`bert::open`].
pub fn open(source: &Config, weights: &Weights, units: Units) -> Result<Model, CheckpointError> {
    bert::open_family(&FAMILY, source, weights, units)
}

/// Builds the graph of an XLM-RoBERTa.
///
/// # Errors
/// See [`bert::open`].
pub fn open_xlm(
    source: &Config,
    weights: &Weights,
    units: Units,
) -> Result<Model, CheckpointError> {
    bert::open_family(&XLM, source, weights, units)
}

/// Builds the graph of a CamemBERT.
///
/// # Errors
/// See [`bert::open`].
pub fn open_camembert(
    source: &Config,
    weights: &Weights,
    units: Units,
) -> Result<Model, CheckpointError> {
    bert::open_family(&CAMEMBERT, source, weights, units)
}

/// Renames the tensors to the names that current versions of transformers use.
///
/// # Errors
/// Returns an error if a tensor exists under both names.
pub fn todays_names(weights: Weights) -> Result<Weights, CheckpointError> {
    bert::todays(&FAMILY, weights)
}
