//! What `config.json` says of a BERT, whole (`bert`) or pruned (`optin_bert`).

use super::pruned;
use crate::checkpoint::config::{Config, Problem};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::nn::activation::Activation;

/// Sizes beyond these are taken for a mistake before anything of that size is made.
const MOST_LAYERS: usize = 1_024;
const MOST_WIDTH: usize = 1 << 20;

/// The sizes of the graph.
pub(super) struct BertConfig {
    pub(super) hidden: usize,
    pub(super) head_dim: usize,
    /// Heads of each layer.
    pub(super) heads: Vec<usize>,
    /// Neurons of each layer.
    pub(super) neurons: Vec<usize>,
    pub(super) vocabulary: usize,
    pub(super) positions: usize,
    pub(super) segments: usize,
    pub(super) activation: Activation,
    pub(super) norm_epsilon: f64,
    pub(super) problem: Problem,
    /// Whether `config.json` says how many labels there are.
    pub(super) counts_labels: bool,
}

impl BertConfig {
    pub(super) fn read(config: &Config, weights: &Weights) -> Result<Self, CheckpointError> {
        refuse_variants(config)?;
        let hidden = size(config, "hidden_size", MOST_WIDTH)?;
        let layers = size(config, "num_hidden_layers", MOST_LAYERS)?;
        let head_dim = head_dim(config, hidden)?;
        let heads = match config.usize_list("heads_per_layer")? {
            Some(heads) => heads,
            None => pruned::heads(config, weights, layers, hidden / head_dim, head_dim)?,
        };
        let neurons = match config.usize_list("intermediate_size_per_layer")? {
            Some(neurons) => neurons,
            None => vec![size(config, "intermediate_size", MOST_WIDTH)?; layers],
        };
        per_layer("heads_per_layer", &heads, layers, MOST_WIDTH / head_dim)?;
        per_layer("intermediate_size_per_layer", &neurons, layers, MOST_WIDTH)?;
        let name = config.str_or("hidden_act", "gelu")?;
        let activation = Activation::named(name).map_err(|unsupported| {
            CheckpointError::UnsupportedModel(format!("config.json has hidden_act {unsupported}"))
        })?;
        Ok(Self {
            hidden,
            head_dim,
            heads,
            neurons,
            vocabulary: size(config, "vocab_size", usize::MAX)?,
            positions: size(config, "max_position_embeddings", MOST_WIDTH)?,
            segments: config.usize_or("type_vocab_size", 2)?,
            activation,
            norm_epsilon: norm_epsilon(config)?,
            problem: config.problem()?,
            counts_labels: config.counts_labels(),
        })
    }

    pub(super) fn layers(&self) -> usize {
        self.heads.len()
    }
}

/// What keeps a norm's root from 0.
fn norm_epsilon(config: &Config) -> Result<f64, CheckpointError> {
    let epsilon = config.f64_or("layer_norm_eps", 1e-12)?;
    match epsilon > 0.0 && epsilon < 1.0 {
        true => Ok(epsilon),
        false => Err(CheckpointError::Invalid(format!(
            "config.json: layer_norm_eps is {epsilon}; it must lie between 0 and 1"
        ))),
    }
}

/// Width of a head: that of the original model, whatever it kept.
fn head_dim(config: &Config, hidden: usize) -> Result<usize, CheckpointError> {
    // Results of earlier versions name the width itself.
    if config.map().contains_key("head_dim") {
        return size(config, "head_dim", hidden);
    }
    let heads = size(config, "num_attention_heads", MOST_WIDTH)?;
    if !hidden.is_multiple_of(heads) {
        return Err(CheckpointError::Invalid(format!(
            "config.json: hidden_size {hidden} is no multiple of num_attention_heads {heads}"
        )));
    }
    Ok(hidden / heads)
}

/// Variants of the graph that share its name but not its arithmetic.
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
            "config.json: {key} is {value}; it must lie between 1 and {most}"
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
            "config.json: {key} holds {value}; at most {most} is supported"
        ))),
        None => Ok(()),
    }
}
