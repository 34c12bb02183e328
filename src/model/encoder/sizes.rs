//! Sizes of the layers of an encoder. Each layer has its own, so a pruned encoder is the same kind of graph.

use serde_json::{Map, Value, json};

use super::kept::Kept;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::model::config::{MAX_WIDTH, size};
use crate::model::mask::Masks;
use crate::model::nn::attention::Heads;
use crate::model::unit::Units;

/// Key of the number of heads of each layer. Only results of `optin` have it, and the other keys.
pub(in crate::model) const HEADS: &str = "heads_per_layer";

/// Key of the width of the queries of each layer's heads.
pub(in crate::model) const QUERY_SIZES: &str = "query_size_per_layer";

/// Key of the width of the values of each layer's heads.
pub(in crate::model) const VALUE_SIZES: &str = "value_size_per_layer";

/// Key of the number of neurons of each layer.
pub(in crate::model) const NEURONS: &str = "intermediate_size_per_layer";

/// The keys of `config.json` with the sizes of each layer.
pub(in crate::model) const KEYS: [&str; 4] = [HEADS, QUERY_SIZES, VALUE_SIZES, NEURONS];

/// Whether `config.json` lists the number of heads of each layer.
pub(in crate::model) fn lists_heads(config: &Config) -> bool {
    config.map().contains_key(HEADS)
}

/// Sizes of the layers.
pub(in crate::model) struct LayerSizes {
    /// Sizes of the layers of the original model. Their width of a head determines the scale of its scores.
    whole: Vec<Whole>,
    /// Number of heads of each layer.
    heads: Vec<usize>,
    /// Width of the queries and keys of each head, by layer.
    query_sizes: Vec<usize>,
    /// Width of the values of each head, by layer.
    value_sizes: Vec<usize>,
    /// Number of neurons of each layer.
    neurons: Vec<usize>,
    /// Whether the file that opens the checkpoint computes the last layer only at the positions that its head reads.
    pub(in crate::model) skips_unread: bool,
}

/// Sizes of a layer of the original model, which hold where `config.json` has no list.
#[derive(Clone, Copy)]
pub(in crate::model) struct Whole {
    /// Number of heads.
    pub(in crate::model) heads: usize,
    /// Width of a head.
    pub(in crate::model) head_dim: usize,
    /// Number of neurons.
    pub(in crate::model) neurons: usize,
}

impl LayerSizes {
    /// Reads the sizes of layers with these sizes in the original model.
    ///
    /// # Errors
    /// See [`read_of`](Self::read_of).
    pub(in crate::model) fn read(
        config: &Config,
        whole: Vec<Whole>,
    ) -> Result<Self, CheckpointError> {
        Self::read_of(config, "", whole)
    }

    /// Reads the sizes of layers with these sizes in the original model, from keys that begin with `prefix`.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Invalid`] if a list is malformed, has another length, or contradicts another list.
    pub(in crate::model) fn read_of(
        config: &Config,
        prefix: &str,
        whole: Vec<Whole>,
    ) -> Result<Self, CheckpointError> {
        let sizes = |key: &str, of: fn(&Whole) -> usize, channels: fn(&Whole) -> usize| {
            let key = format!("{prefix}{key}");
            let sizes = config.usize_list(&key)?;
            let sizes = sizes.unwrap_or_else(|| whole.iter().map(of).collect());
            per_layer(&key, &sizes, &whole, channels)?;
            Ok::<_, CheckpointError>(sizes)
        };
        let head_dim = |whole: &Whole| whole.head_dim;
        let heads = sizes(HEADS, |whole| whole.heads, head_dim)?;
        let query_sizes = sizes(QUERY_SIZES, head_dim, head_dim)?;
        let value_sizes = sizes(VALUE_SIZES, head_dim, head_dim)?;
        let mut layers_with_heads = heads.iter().zip(&value_sizes);
        if layers_with_heads.any(|(&heads, &size)| heads > 0 && size == 0) {
            return Err(CheckpointError::Invalid(format!(
                "config.json: {prefix}{VALUE_SIZES} contains 0 for a layer with heads"
            )));
        }
        Ok(Self {
            heads,
            query_sizes,
            value_sizes,
            neurons: sizes(NEURONS, |whole| whole.neurons, |_| 1)?,
            skips_unread: config.map().contains_key(&format!("{prefix}{QUERY_SIZES}")),
            whole,
        })
    }

    /// Returns the number of layers.
    pub(in crate::model) fn layers(&self) -> usize {
        self.heads.len()
    }

    /// Returns the sizes of the heads of a layer. The scale stays that of the whole heads of the original.
    pub(in crate::model) fn heads(&self, layer: usize) -> Heads {
        Heads {
            count: self.heads[layer],
            query: self.query_sizes[layer],
            value: self.value_sizes[layer],
            ..Heads::whole(0, self.whole[layer].head_dim)
        }
    }

    /// Returns the number of neurons of a layer.
    pub(in crate::model) fn neurons(&self, layer: usize) -> usize {
        self.neurons[layer]
    }

    /// Returns the largest number of neurons of a layer.
    pub(in crate::model) fn most_neurons(&self) -> usize {
        self.neurons.iter().copied().max().unwrap_or(0)
    }

    /// Returns the entries of `config.json` with the sizes that the masks keep. The groups of each layer are those of its
    /// attention, with these units, and the group of its neurons.
    pub(in crate::model) fn kept(&self, units: Units, masks: &Masks) -> Map<String, Value> {
        let mut kept = Kept::of(units, masks);
        let layers = (0..self.layers()).map(|layer| {
            let [heads, query, value] = kept.heads(self.heads(layer), true);
            [heads, query, value, kept.count()]
        });
        lists("", KEYS, layers)
    }
}

impl LayerSizes {
    /// Returns the indices of the heads that the masks keep, by layer. See [`kept`](Self::kept).
    pub(in crate::model) fn kept_heads(&self, units: Units, masks: &Masks) -> Vec<Vec<usize>> {
        let mut kept = Kept::of(units, masks);
        let layers = (0..self.layers()).map(|layer| {
            let heads = kept.indices(self.heads(layer));
            kept.heads(self.heads(layer), true);
            kept.count();
            heads
        });
        layers.collect()
    }
}

/// Returns the entries of `config.json` with the sizes of each layer, one list for each key. The keys begin with `prefix`.
pub(in crate::model) fn lists<const N: usize>(
    prefix: &str,
    keys: [&str; N],
    layers: impl Iterator<Item = [usize; N]>,
) -> Map<String, Value> {
    let layers: Vec<[usize; N]> = layers.collect();
    let keys = keys.into_iter().enumerate();
    let lists = keys.map(|(at, key)| {
        let list: Vec<usize> = layers.iter().map(|layer| layer[at]).collect();
        (format!("{prefix}{key}"), json!(list))
    });
    lists.collect()
}

/// Checks a list with a size for each layer. `channels` returns the number of channels that one unit of size has at most.
fn per_layer(
    key: &str,
    values: &[usize],
    whole: &[Whole],
    channels: fn(&Whole) -> usize,
) -> Result<(), CheckpointError> {
    if values.len() != whole.len() {
        return Err(CheckpointError::Invalid(format!(
            "config.json: {key} has {} entries, but the model has {} layers",
            values.len(),
            whole.len()
        )));
    }
    for (&value, whole) in values.iter().zip(whole) {
        let most = MAX_WIDTH / channels(whole).max(1);
        if value > most {
            return Err(CheckpointError::Invalid(format!(
                "config.json: {key} contains {value}; the maximum is {most}"
            )));
        }
    }
    Ok(())
}

/// Returns the width of a head. It is that of the original model, even if heads were pruned. The keys are those of the
/// number of channels, `hidden`, and of the number of heads.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if a key is missing or out of range, or if the heads do not divide the channels.
pub(in crate::model) fn head_dim(
    config: &Config,
    keys: [&str; 2],
    hidden: usize,
) -> Result<usize, CheckpointError> {
    // Results of earlier versions of `optin` contain the width itself.
    if config
        .map()
        .get("head_dim")
        .is_some_and(|value| !value.is_null())
    {
        return size(config, "head_dim", hidden);
    }
    let [_, of_heads] = keys;
    let heads = size(config, of_heads, MAX_WIDTH)?;
    divided(keys, hidden, heads)
}

/// Returns the width of each of `heads` heads. The keys are those of both numbers.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if the heads do not divide the channels.
pub(in crate::model) fn divided(
    [of_hidden, of_heads]: [&str; 2],
    hidden: usize,
    heads: usize,
) -> Result<usize, CheckpointError> {
    if !hidden.is_multiple_of(heads) {
        return Err(CheckpointError::Invalid(format!(
            "config.json: {of_hidden} {hidden} is not a multiple of {of_heads} {heads}"
        )));
    }
    Ok(hidden / heads)
}
