//! The configuration of a BERT, whole (`bert`) or pruned (`optin_bert`), from `config.json`.

use super::class::Class;
use super::pruned;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::layer::first_position::FirstPosition;
use crate::model::nn::activation::Activation;
use crate::model::nn::attention::Heads;

/// Maximum number of layers. More layers are rejected as a mistake before anything of that size is allocated.
const MAX_LAYERS: usize = 1_024;

/// Maximum of a width and of the number of positions, for the same reason.
const MAX_WIDTH: usize = 1 << 20;

/// Key of the width of the queries of each layer's heads. Only results of `optin` have it.
pub(super) const QUERY_SIZES: &str = "query_size_per_layer";

/// Key of the width of the values of each layer's heads.
pub(super) const VALUE_SIZES: &str = "value_size_per_layer";

/// The sizes of the graph.
pub(super) struct BertConfig {
    pub(super) hidden: usize,
    pub(super) head_dim: usize,
    /// Number of heads of each layer.
    pub(super) heads: Vec<usize>,
    /// Width of the queries and keys of each head, by layer.
    pub(super) query_sizes: Vec<usize>,
    /// Width of the values of each head, by layer.
    pub(super) value_sizes: Vec<usize>,
    /// Whether the implementation that the checkpoint comes with computes the last layer only at the positions that its
    /// head reads.
    pub(super) skips_unread: bool,
    /// Number of neurons of each layer.
    pub(super) neurons: Vec<usize>,
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
        let layers = size(config, "num_hidden_layers", MAX_LAYERS)?;
        let head_dim = head_dim(config, hidden)?;
        let heads = match config.usize_list("heads_per_layer")? {
            Some(heads) => heads,
            None => pruned::heads(config, weights, layers, hidden / head_dim, head_dim)?,
        };
        let neurons = match config.usize_list("intermediate_size_per_layer")? {
            Some(neurons) => neurons,
            None => vec![size(config, "intermediate_size", MAX_WIDTH)?; layers],
        };
        per_layer("heads_per_layer", &heads, layers, MAX_WIDTH / head_dim)?;
        let sizes = |key: &str| -> Result<Vec<usize>, CheckpointError> {
            let sizes = config.usize_list(key)?;
            let sizes = sizes.unwrap_or_else(|| vec![head_dim; layers]);
            per_layer(key, &sizes, layers, MAX_WIDTH / head_dim)?;
            Ok(sizes)
        };
        let (query_sizes, value_sizes) = (sizes(QUERY_SIZES)?, sizes(VALUE_SIZES)?);
        let mut layers_with_heads = heads.iter().zip(&value_sizes);
        if layers_with_heads.any(|(&heads, &size)| heads > 0 && size == 0) {
            return Err(CheckpointError::Invalid(format!(
                "config.json: {VALUE_SIZES} contains 0 for a layer with heads"
            )));
        }
        per_layer("intermediate_size_per_layer", &neurons, layers, MAX_WIDTH)?;
        let name = config.str_or("hidden_act", "gelu")?;
        let activation = Activation::named(name).map_err(|unsupported| {
            CheckpointError::UnsupportedModel(format!("config.json has hidden_act {unsupported}"))
        })?;
        Ok(Self {
            hidden,
            head_dim,
            heads,
            query_sizes,
            value_sizes,
            skips_unread: config.map().contains_key(QUERY_SIZES),
            neurons,
            vocabulary: size(config, "vocab_size", usize::MAX)?,
            positions: size(config, "max_position_embeddings", MAX_WIDTH)?,
            segments: config.usize_or("type_vocab_size", 2)?,
            activation,
            norm_epsilon: norm_epsilon(config)?,
            class: Class::of(config.class()?),
            labels: config.labels()?,
            counts_labels: config.counts_labels(),
        })
    }

    pub(super) fn layers(&self) -> usize {
        self.heads.len()
    }

    /// Returns the sizes of the heads of a layer. The scale stays that of the whole heads of the original.
    pub(super) fn heads_of(&self, layer: usize) -> Heads {
        Heads {
            count: self.heads[layer],
            query: self.query_sizes[layer],
            value: self.value_sizes[layer],
            ..Heads::whole(0, self.head_dim)
        }
    }

    /// Returns the selection of the positions at which a layer computes its output, or `None` for all positions. A head
    /// that reads the first position reads no other output of the last layer.
    pub(super) fn selection_of(&self, layer: usize) -> Option<FirstPosition> {
        let last = layer + 1 == self.layers();
        let selects = last && self.class == Class::SequenceClassification;
        selects.then(|| match self.skips_unread {
            true => FirstPosition::default(),
            false => FirstPosition::early(),
        })
    }
}

/// Returns `layer_norm_eps`, which is added to the variance so that the norm never divides by 0.
fn norm_epsilon(config: &Config) -> Result<f64, CheckpointError> {
    let epsilon = config.f64_or("layer_norm_eps", 1e-12)?;
    match epsilon > 0.0 && epsilon < 1.0 {
        true => Ok(epsilon),
        false => Err(CheckpointError::Invalid(format!(
            "config.json: layer_norm_eps is {epsilon}; it must be strictly between 0 and 1"
        ))),
    }
}

/// Returns the width of a head. It is that of the original model, even if heads were pruned.
fn head_dim(config: &Config, hidden: usize) -> Result<usize, CheckpointError> {
    // Results of earlier versions of `optin` contain the width itself.
    if config.map().contains_key("head_dim") {
        return size(config, "head_dim", hidden);
    }
    let heads = size(config, "num_attention_heads", MAX_WIDTH)?;
    if !hidden.is_multiple_of(heads) {
        return Err(CheckpointError::Invalid(format!(
            "config.json: hidden_size {hidden} is not a multiple of num_attention_heads {heads}"
        )));
    }
    Ok(hidden / heads)
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

fn size(config: &Config, key: &str, most: usize) -> Result<usize, CheckpointError> {
    let value = config.usize(key)?;
    if value == 0 || value > most {
        return Err(CheckpointError::Invalid(format!(
            "config.json: {key} is {value}; it must be between 1 and {most}"
        )));
    }
    Ok(value)
}

fn per_layer(
    key: &str,
    values: &[usize],
    layers: usize,
    most: usize,
) -> Result<(), CheckpointError> {
    if values.len() != layers {
        return Err(CheckpointError::Invalid(format!(
            "config.json: {key} has {} entries, but num_hidden_layers is {layers}",
            values.len()
        )));
    }
    match values.iter().find(|&&value| value > most) {
        Some(value) => Err(CheckpointError::Invalid(format!(
            "config.json: {key} contains {value}; the maximum is {most}"
        ))),
        None => Ok(()),
    }
}
