//! The configuration of a ModernBERT, whole or pruned, from `config.json`.

use std::sync::Arc;

use super::positions::Positions;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::sentence::modules::Modules;
use crate::checkpoint::weights::Weights;
use crate::model::config::{MAX_LAYERS, MAX_WIDTH, activation_of, norm_epsilon_of, size};
use crate::model::encoder::sizes::{LayerSizes, NEURONS, QUERY_SIZES, Whole, divided};
use crate::model::layer::leading_positions::LeadingPositions;
use crate::model::layer::sequence::Sequence;
use crate::model::load;
use crate::model::nn::activation::Activation;
use crate::model::nn::layer_norm::LayerNorm;

/// The configuration of a graph.
pub(super) struct ModernBertConfig {
    pub(super) hidden: usize,
    /// Width of a head of the original model.
    pub(super) head_dim: usize,
    pub(super) sizes: LayerSizes,
    pub(super) positions: Positions,
    pub(super) vocabulary: usize,
    /// Maximum length of a row.
    pub(super) longest: usize,
    pub(super) activation: Activation,
    pub(super) norm_epsilon: f64,
    pub(super) has_bias: HasBias,
    pub(super) reading: Reading,
    /// The activation of the head.
    pub(super) head_activation: Activation,
    /// Names of the outputs.
    pub(super) labels: Vec<String>,
    /// Whether `config.json` specifies the number of labels.
    pub(super) counts_labels: bool,
}

/// Which maps and norms have biases.
#[derive(Clone, Copy, Debug)]
pub(super) struct HasBias {
    /// The maps of the attention.
    pub(super) attention: bool,
    /// The maps to the neurons and from them.
    pub(super) feed_forward: bool,
    /// The norms.
    pub(super) norm: bool,
    /// The first map of the head.
    pub(super) classifier: bool,
}

/// What the head reads.
pub(super) enum Reading {
    /// The first position.
    First,
    /// The mean of all positions.
    Mean,
    /// Every position.
    Every,
    /// What the modules of a folder of sentence-transformers read.
    Modules(Arc<Modules>),
}

/// Name of the class that classifies texts.
pub(super) const OF_TEXTS: &str = "ModernBertForSequenceClassification";

/// Name of the class that classifies tokens.
pub(super) const OF_TOKENS: &str = "ModernBertForTokenClassification";

/// Name of the class of the body.
const OF_BODY: &str = "ModernBertModel";

/// Key of what a classifier of texts reads.
pub(super) const POOLING: &str = "classifier_pooling";

impl Reading {
    fn of(config: &Config) -> Result<Self, CheckpointError> {
        if let Some(modules) = config.modules() {
            return Ok(Self::Modules(modules.clone()));
        }
        if config.class()? == Some(OF_TOKENS) {
            return Ok(Self::Every);
        }
        match config.str_or(POOLING, "cls")? {
            "cls" => Ok(Self::First),
            "mean" => Ok(Self::Mean),
            other => Err(CheckpointError::UnsupportedModel(format!(
                "config.json has {POOLING} \"{other}\"; only \"cls\" and \"mean\" are supported"
            ))),
        }
    }
}

impl ModernBertConfig {
    pub(super) fn read(config: &Config) -> Result<Self, CheckpointError> {
        let hidden = size(config, "hidden_size", MAX_WIDTH)?;
        let heads = size(config, "num_attention_heads", MAX_WIDTH)?;
        let head_dim = divided(["hidden_size", "num_attention_heads"], hidden, heads)?;
        if !head_dim.is_multiple_of(2) {
            return Err(CheckpointError::Invalid(format!(
                "config.json: hidden_size {hidden} divided by num_attention_heads {heads} is {head_dim}; it must be even, \
                 because positions turn pairs of channels"
            )));
        }
        let layers = size(config, "num_hidden_layers", MAX_LAYERS)?;
        // A list makes the common number unnecessary.
        let neurons = match config.usize_list(NEURONS)? {
            Some(_) => 0,
            None => size(config, "intermediate_size", MAX_WIDTH)?,
        };
        let whole = Whole {
            heads,
            head_dim,
            neurons,
        };
        let sizes = LayerSizes::read(config, vec![whole; layers])?;
        let narrowed = (0..layers).find(|&layer| {
            let heads = sizes.heads(layer);
            heads.count > 0 && heads.query != head_dim
        });
        if let Some(layer) = narrowed {
            return Err(CheckpointError::Invalid(format!(
                "config.json: {QUERY_SIZES} has {} for layer {layer}; it must be {head_dim}, because positions turn all \
                 channels of a head's queries",
                sizes.heads(layer).query
            )));
        }
        let flag = |key: &str| config.bool_or(key, false);
        Ok(Self {
            hidden,
            head_dim,
            sizes,
            positions: Positions::read(config, layers)?,
            vocabulary: size(config, "vocab_size", usize::MAX)?,
            longest: size(config, "max_position_embeddings", MAX_WIDTH)?,
            activation: activation_of(config, "hidden_activation", "gelu")?,
            norm_epsilon: norm_epsilon_of(config, "norm_eps", 1e-5)?,
            has_bias: HasBias {
                attention: flag("attention_bias")?,
                feed_forward: flag("mlp_bias")?,
                norm: flag("norm_bias")?,
                classifier: flag("classifier_bias")?,
            },
            reading: Reading::of(config)?,
            head_activation: activation_of(config, "classifier_activation", "gelu")?,
            labels: config.labels()?,
            counts_labels: config.counts_labels(),
        })
    }

    /// Returns the maximum length of a row.
    pub(super) fn longest(&self) -> usize {
        let wanted = match &self.reading {
            Reading::Modules(modules) => modules.max_length,
            _ => None,
        };
        wanted.map_or(self.longest, |wanted| wanted.min(self.longest))
    }

    /// Returns the name of the class that transformers opens. Sentence-transformers opens the body.
    pub(super) fn class(&self) -> &'static str {
        match self.reading {
            Reading::First | Reading::Mean => OF_TEXTS,
            Reading::Every => OF_TOKENS,
            Reading::Modules(_) => OF_BODY,
        }
    }

    /// Returns the selection of the positions at which a layer computes its output, or `None` for all positions. A head
    /// that reads the first position reads no other output of the last layer.
    pub(super) fn selection_of(&self, layer: usize) -> Option<LeadingPositions> {
        let last = layer + 1 == self.sizes.layers();
        let selects = last && matches!(self.reading, Reading::First);
        selects.then(|| match self.sizes.skips_unread {
            true => LeadingPositions::one(),
            false => LeadingPositions::one().early(),
        })
    }

    /// Loads a norm.
    pub(super) fn layer_norm(
        &self,
        name: &str,
        weights: &Weights,
    ) -> Result<LayerNorm, CheckpointError> {
        let has_bias = self.has_bias.norm;
        load::layer_norm_with(weights, name, self.hidden, self.norm_epsilon, has_bias)
    }

    /// Returns a sequence that begins with a [norm](Self::layer_norm).
    pub(super) fn norm(&self, name: &str, weights: &Weights) -> Result<Sequence, CheckpointError> {
        Ok(Sequence::identity().then(self.layer_norm(name, weights)?))
    }
}
