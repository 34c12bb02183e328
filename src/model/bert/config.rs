//! The configuration of a text encoder, whole or pruned, from `config.json`.

use std::sync::Arc;

use super::class::Class;
use super::family::{Family, Numbering, Projection};
use super::pruned;
use super::relative::Relative;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::sentence::modules::Modules;
use crate::checkpoint::weights::Weights;
use crate::model::config::{MAX_LAYERS, MAX_WIDTH, activation_of, norm_epsilon, size};
use crate::model::encoder::sizes::{LayerSizes, Whole, head_dim, lists_heads};
use crate::model::layer::leading_positions::LeadingPositions;
use crate::model::nn::activation::Activation;

/// The sizes of the graph.
pub(super) struct BertConfig {
    pub(super) hidden: usize,
    /// Number of channels of the embeddings.
    pub(super) embedded: usize,
    /// Width of a head of the original model.
    pub(super) head_dim: usize,
    pub(super) sizes: LayerSizes,
    /// The numbers that layers add to the scores by the distance of two positions.
    pub(super) relative: Option<Relative>,
    pub(super) vocabulary: usize,
    /// Number of embeddings of positions.
    pub(super) positions: usize,
    /// The id of the padding token, if positions are numbered from it.
    pub(super) padding: Option<usize>,
    /// Number of embeddings of segments. 0 if the family has none.
    pub(super) segments: usize,
    pub(super) activation: Activation,
    pub(super) norm_epsilon: f64,
    /// The class of transformers with this head.
    pub(super) class: Class,
    /// What follows the encoder in a folder of sentence-transformers.
    pub(super) modules: Option<Arc<Modules>>,
    /// Names of the outputs.
    pub(super) labels: Vec<String>,
    /// Whether `config.json` specifies the number of labels.
    pub(super) counts_labels: bool,
}

impl BertConfig {
    pub(super) fn read(
        family: &Family,
        config: &Config,
        weights: &Weights,
    ) -> Result<Self, CheckpointError> {
        refuse_variants(config)?;
        let keys = &family.keys;
        let hidden = size(config, keys.hidden, MAX_WIDTH)?;
        let head_dim = head_dim(config, [keys.hidden, keys.heads], hidden)?;
        let layers = size(config, keys.layers, MAX_LAYERS)?;
        // A list makes the common number unnecessary.
        let neurons = match config.usize_list("intermediate_size_per_layer")? {
            Some(_) => 0,
            None => size(config, keys.neurons, MAX_WIDTH)?,
        };
        let heads = match lists_heads(config) {
            true => vec![hidden / head_dim; layers],
            false => {
                let whole = vec![hidden / head_dim; layers];
                pruned::heads(family, config, weights, whole, head_dim)?
            }
        };
        let whole = heads.into_iter().map(|heads| Whole {
            heads,
            head_dim,
            neurons,
        });
        let sizes = LayerSizes::read(config, whole.collect())?;
        let (positions, padding) = positions(family, config)?;
        let relative = family.relative.map(|names| {
            let whole = hidden / head_dim;
            Relative::read(names, config, &sizes, whole)
        });
        Ok(Self {
            hidden,
            embedded: match family.projection {
                Some(Projection { key, .. }) => size(config, key, MAX_WIDTH)?,
                None => hidden,
            },
            head_dim,
            sizes,
            relative: relative.transpose()?,
            vocabulary: size(config, "vocab_size", usize::MAX)?,
            positions,
            padding,
            segments: match family.has_segments {
                true => config.usize_or("type_vocab_size", 2)?,
                false => 0,
            },
            activation: activation_of(config, keys.activation, "gelu")?,
            norm_epsilon: match family.norm_epsilon {
                Some(constant) => constant,
                None => norm_epsilon(config)?,
            },
            class: Class::of(config.class()?),
            modules: config.modules().cloned(),
            labels: config.labels()?,
            counts_labels: config.counts_labels(),
        })
    }

    pub(super) fn layers(&self) -> usize {
        self.sizes.layers()
    }

    /// Returns the maximum length of a row. Embeddings up to that of the padding are for no token.
    pub(super) fn longest(&self) -> usize {
        let longest = self.positions - self.padding.map_or(0, |padding| padding + 1);
        let modules = self.modules.as_ref();
        let wanted = modules.and_then(|modules| modules.max_length);
        wanted.map_or(longest, |wanted| wanted.min(longest))
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

/// Returns the number of embeddings of positions, and the id of the padding token if positions are numbered from it.
fn positions(family: &Family, config: &Config) -> Result<(usize, Option<usize>), CheckpointError> {
    let positions = size(config, "max_position_embeddings", MAX_WIDTH)?;
    let padding = match family.numbering {
        Numbering::FromZero => return Ok((positions, None)),
        Numbering::AfterPadding => config.usize_or("pad_token_id", 1)?,
        Numbering::After(padding) => padding,
    };
    match padding + 1 < positions {
        true => Ok((positions, Some(padding))),
        false => Err(CheckpointError::Invalid(format!(
            "config.json: max_position_embeddings is {positions}; it must be larger than {}, because positions are numbered \
             from the id of the padding token, {padding}",
            padding + 1
        ))),
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
