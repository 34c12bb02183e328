//! BERT with a classifier on top (Devlin et al. 2019), and what the families built on it share.
//!
//! The tensor names are those of Hugging Face's `BertForSequenceClassification`, `BertForTokenClassification` and
//! `BertForQuestionAnswering`.
//!
//! Each layer is two blocks of the chain: attention with its heads, then the feed-forward layer with
//! its neurons. Layers may have different numbers of both, so a pruned model is the same kind of graph.

mod blocks;
mod class;
mod config;
mod embeddings;
mod export;
pub(in crate::model) mod family;
mod head;
mod names;
mod pruned;
mod relative;

use self::config::BertConfig;
use self::embeddings::Embeddings;
use self::family::{Family, LayerNames, Numbering, SequenceHead, SizeKeys};
pub(in crate::model) use self::names::todays;
use super::batch::{Reads, TextLimits};
use super::chain::Model;
use super::nn::activation::Activation;
use super::unit::Units;
use crate::checkpoint::config::{Config, SENTENCE_TRANSFORMER};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Names of the classes that write supported checkpoints.
pub const CLASSES: &[&str] = &[
    "BertForSequenceClassification",
    "BertForTokenClassification",
    "BertForQuestionAnswering",
    "BertModel",
    SENTENCE_TRANSFORMER,
    // Results of earlier versions of `optin` name it.
    "OptinBertForSequenceClassification",
];

/// Name and content of the Python file that makes the built-in classes of transformers narrower.
pub(in crate::model) const MODELING: (&str, &str) = (
    "modeling_optin_bert.py",
    include_str!("modeling_optin_bert.py"),
);

/// Beginnings of the names of the body's tensors.
pub(in crate::model) const BODY: &[&str] = &["embeddings.", "encoder.", "pooler."];

const FAMILY: Family = Family {
    model_type: "bert",
    classes: CLASSES,
    body_class: "BertModel",
    prefix: "bert.",
    body: BODY,
    layers: LayerNames::OF_BERT,
    keys: SizeKeys::OF_BERT,
    numbering: Numbering::FromZero,
    has_segments: true,
    projection: None,
    relative: None,
    norm_epsilon: None,
    head: SequenceHead {
        dense: "bert.pooler.dense",
        activation: Activation::Tanh,
        classifier: "classifier",
    },
    modeling: &[MODELING],
};

/// Builds the graph that the configuration describes from the weights.
///
/// # Errors
/// Returns an error if the configuration is not supported, or if a tensor is missing, has another shape
/// or contains values that are not finite.
pub fn open(source: &Config, weights: &Weights, units: Units) -> Result<Model, CheckpointError> {
    open_family(&FAMILY, source, weights, units)
}

/// Renames the tensors to the names that current versions of transformers use.
///
/// # Errors
/// Returns an error if a tensor exists under both names.
pub fn todays_names(weights: Weights) -> Result<Weights, CheckpointError> {
    todays(&FAMILY, weights)
}

/// Builds the graph of a family.
pub(in crate::model) fn open_family(
    family: &'static Family,
    source: &Config,
    weights: &Weights,
    units: Units,
) -> Result<Model, CheckpointError> {
    let config = BertConfig::read(family, source, weights)?;
    let (mut blocks, mut groups, mut head_maps) = (Vec::new(), Vec::new(), Vec::new());
    for layer in 0..config.layers() {
        let heads = config.sizes.heads(layer);
        let maps = blocks::attention_maps(family, layer);
        let (name, place) = (family.group(layer), blocks.len());
        groups.extend(maps.groups(&name, place, heads, units, groups.len()));
        head_maps.push(maps.rotated(place, heads));
        blocks.push(blocks::attention(family, &config, layer, weights)?);
        let (block, group) = blocks::feed_forward(family, &config, layer, weights)?;
        blocks.push(block);
        groups.push(group);
    }
    let source = source.clone();
    Ok(Model {
        reads: Reads::Text(TextLimits {
            positions: config.longest(),
            vocabulary: config.vocabulary,
            segments: config.segments,
        }),
        stem: Box::new(Embeddings::load(family, &config, weights)?),
        head: head::head(family, &config, weights)?,
        blocks,
        groups,
        head_maps,
        parts: None,
        merging: None,
        export: Box::new(move |masks| export::export(family, &config, &source, units, masks)),
    })
}
