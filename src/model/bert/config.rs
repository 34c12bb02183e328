//! The configuration of a BERT, whole (`bert`) or pruned (`optin_bert`), from `config.json`.

use super::class::Class;
use super::pruned;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::config::{MAX_LAYERS, MAX_WIDTH, activation_or, norm_epsilon, size};
use crate::model::encoder::sizes::{LayerSizes, Whole, head_dim, lists_heads};
use crate::model::layer::leading_positions::LeadingPositions;
use crate::model::nn::activation::Activation;

/// The sizes of the graph.
pub(super) struct BertConfig {
    pub(super) hidden: usize,
    /// Width of a head of the original model.
    pub(super) head_dim: usize,
    pub(super) sizes: LayerSizes,
    pub(super) vocabulary: usize,
    pub(super) positions: usize,
    pub(super) segments: usize,
    pub(super) activation: Activation,
    pub(super) norm_epsilon: f64,
    /// The class of transformers with this head.
    pub(super) class: Class,
    /// Names of the outputs.
    pub(super) labels: Vec<String>,
    /// Whether `config.json` specifies the number of labels.
    pub(super) counts_labels: bool,
}

impl BertConfig {
    pub(super) fn read(config: &Config, weights: &Weights) -> Result<Self, CheckpointError> {
        refuse_variants(config)?;
        let hidden = size(config, "hidden_size", MAX_WIDTH)?;
        let head_dim = head_dim(config, hidden)?;
        let layers = size(config, "num_hidden_layers", MAX_LAYERS)?;
        // A list makes the common number unnecessary.
        let neurons = match config.usize_list("intermediate_size_per_layer")? {
            Some(_) => 0,
            None => size(config, "intermediate_size", MAX_WIDTH)?,
        };
        let heads = match lists_heads(config) {
            true => vec![hidden / head_dim; layers],
            false => pruned::heads(config, weights, layers, hidden / head_dim, head_dim)?,
        };
        let whole = heads.into_iter().map(|heads| Whole {
            heads,
            head_dim,
            neurons,
        });
        let sizes = LayerSizes::read(config, whole.collect())?;
        Ok(Self {
            hidden,
            head_dim,
            sizes,
            vocabulary: size(config, "vocab_size", usize::MAX)?,
            positions: size(config, "max_position_embeddings", MAX_WIDTH)?,
            segments: config.usize_or("type_vocab_size", 2)?,
            activation: activation_or(config, "gelu")?,
            norm_epsilon: norm_epsilon(config)?,
            class: Class::of(config.class()?),
            labels: config.labels()?,
            counts_labels: config.counts_labels(),
        })
    }

    pub(super) fn layers(&self) -> usize {
        self.sizes.layers()
    }

    /// Returns the selection of the positions at which a layer computes its output, or `None` for all positions. A head
    /// that reads the first position reads no other output of the last layer.
    pub(super) fn selection_of(&self, layer: usize) -> Option<LeadingPositions> {
        let last = layer + 1 == self.layers();
        let selects = last && self.class == Class::SequenceClassification;
        selects.then(|| match self.sizes.skips_unread {
            true => LeadingPositions::one(),
            false => LeadingPositions::one().early(),
        })
    }
}

/// Rejects variants of the graph that have the same name but compute something else.
fn refuse_variants(config: &Config) -> Result<(), CheckpointError> {
    let unsupported = |what: String| Err(CheckpointError::UnsupportedModel(what));
    let positions = config.str_or("position_embedding_type", "absolute")?;
    if positions != "absolute" {
        return unsupported(format!(
            "config.json has position_embedding_type \"{positions}\"; only \"absolute\" is supported"
        ));
    }
    for flag in ["is_decoder", "add_cross_attention"] {
        if config.map().get(flag).and_then(serde_json::Value::as_bool) == Some(true) {
            return unsupported(format!(
                "config.json has {flag} = true; only encoders are supported"
            ));
        }
    }
    Ok(())
}
