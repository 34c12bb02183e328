//! Names of tensors, as transformers writes them, and the units that own their slices.

use super::config::ModernBertConfig;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::encoder::units::AttentionMaps;
use crate::model::head_maps::RowMap;
use crate::model::nn::attention::Heads;
use crate::model::unit::{ParamSlice, UnitGroup, UnitKind};

/// Start of the names of the body's tensors.
const PREFIX: &str = "model.";

/// Beginnings of the names of the body's tensors after the prefix. A checkpoint of the body alone has no prefix.
const BODY: [&str; 3] = ["embeddings.", "layers.", "final_norm."];

/// Returns the name of a tensor or part of the body.
pub(super) fn of_body(part: &str) -> String {
    format!("{PREFIX}{part}")
}

/// Adds the prefix to the names of a body that was saved alone.
///
/// # Errors
/// Returns an error if a tensor exists under both names.
pub(super) fn of_classes(weights: Weights) -> Result<Weights, CheckpointError> {
    let is_prefixed = weights
        .entries()
        .any(|entry| entry.name.starts_with(PREFIX));
    let is_bare = |name: &str| !is_prefixed && BODY.iter().any(|part| name.starts_with(part));
    weights.renamed(|name| match is_bare(name) {
        true => of_body(name),
        false => name.to_owned(),
    })
}

/// Names of the tensors of a layer, without `.weight`.
pub(super) struct LayerNames {
    /// Name of the layer in the names of its groups.
    pub(super) group: String,
    /// The map to queries, keys and values.
    incoming: String,
    /// The output projection of the heads.
    pub(super) output: String,
    /// Both maps to the neurons: first the activated rows, then as many plain ones.
    to_neurons: String,
    /// The map from the neurons.
    pub(super) from_neurons: String,
    /// The norm before the attention. `None` in the first layer.
    pub(super) attention_norm: Option<String>,
    /// The norm before the neurons.
    pub(super) feed_forward_norm: String,
    has_attention_bias: bool,
    has_feed_forward_bias: bool,
}

impl LayerNames {
    pub(super) fn of(layer: usize, config: &ModernBertConfig) -> Self {
        let group = format!("layers.{layer}");
        let part = |part: &str| of_body(&format!("{group}.{part}"));
        Self {
            incoming: part("attn.Wqkv"),
            output: part("attn.Wo"),
            to_neurons: part("mlp.Wi"),
            from_neurons: part("mlp.Wo"),
            attention_norm: (layer > 0).then(|| part("attn_norm")),
            feed_forward_norm: part("mlp_norm"),
            has_attention_bias: config.has_bias.attention,
            has_feed_forward_bias: config.has_bias.feed_forward,
            group,
        }
    }

    /// Returns the maps to the queries, the keys and the values.
    pub(super) fn incoming(&self, heads: Heads) -> [RowMap; 3] {
        [0, heads.queries(), 2 * heads.queries()]
            .map(|first| map(&self.incoming, self.has_attention_bias, first))
    }

    /// Returns the activated map and the plain map to this number of neurons.
    pub(super) fn to_neurons(&self, neurons: usize) -> [RowMap; 2] {
        [0, neurons].map(|first| map(&self.to_neurons, self.has_feed_forward_bias, first))
    }

    /// Returns the maps of the attention block. The queries and keys of a head belong to the head as a whole: their channels
    /// are turned in pairs, so they are no units.
    pub(super) fn attention_maps(&self, heads: Heads) -> AttentionMaps {
        let [query, key, value] = self.incoming(heads);
        AttentionMaps {
            queries: None,
            value,
            output: format!("{}.weight", self.output),
            of_heads: [query, key]
                .iter()
                .flat_map(|map| slices(map, heads.query))
                .collect(),
        }
    }

    /// Returns the group of the neurons. Each has a row of both maps to the neurons, and a column of the map from them.
    pub(super) fn neurons(&self, block: usize, width: usize) -> UnitGroup {
        let rows = self.to_neurons(width);
        let rows = rows.iter().flat_map(|map| slices(map, 1));
        let column = ParamSlice::single(format!("{}.weight", self.from_neurons), 1);
        let name = format!("{}.neurons", self.group);
        UnitGroup {
            slices: rows.chain([column]).collect(),
            ..UnitGroup::of_columns(name, UnitKind::Neuron, block, width, 1)
        }
    }
}

fn map(name: &str, has_bias: bool, offset: usize) -> RowMap {
    RowMap {
        weight: format!("{name}.weight"),
        bias: has_bias.then(|| format!("{name}.bias")),
        offset,
    }
}

/// Returns the slices of a map of which each unit has `span` rows.
fn slices(map: &RowMap, span: usize) -> impl Iterator<Item = ParamSlice> {
    let names = std::iter::once(&map.weight).chain(&map.bias);
    names.map(move |name| ParamSlice {
        offset: map.offset,
        span,
        ..ParamSlice::single(name.clone(), 0)
    })
}
