//! Names of tensors, as transformers and timm write them.

use super::config::{Family, VitConfig};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::encoder::units::{AttentionMaps, neurons};
use crate::model::head_maps::RowMap;
use crate::model::load;
use crate::model::nn::attention::Heads;
use crate::model::unit::UnitGroup;

/// Who wrote a checkpoint.
#[derive(Clone, Copy)]
enum Writer {
    /// transformers. Separate maps to queries, keys and values.
    Transformers,
    /// timm. One fused map.
    Timm,
}

/// Names of the tensors outside of the layers.
pub(in crate::model) struct Names {
    writer: Writer,
    /// Start of the names of the body.
    body: String,
    /// The special tokens, in the order of the positions.
    pub(super) special: Vec<String>,
    pub(super) positions: String,
    /// The patch projection, without `.weight`.
    pub(super) patches: String,
    /// The last norm, without `.weight`.
    pub(super) norm: String,
    /// The classifiers, without `.weight`: one, or one for each special token.
    pub(super) classifiers: Vec<String>,
}

impl Names {
    /// Returns the names in a file of transformers.
    pub(in crate::model) fn of_transformers(family: &Family) -> Self {
        let body = family.model_type;
        let special = family.special.iter();
        Self {
            writer: Writer::Transformers,
            body: format!("{body}."),
            special: special
                .map(|token| format!("{body}.embeddings.{token}"))
                .collect(),
            positions: format!("{body}.embeddings.position_embeddings"),
            patches: format!("{body}.embeddings.patch_embeddings.projection"),
            norm: format!("{body}.layernorm"),
            classifiers: vec!["classifier".to_owned()],
        }
    }

    /// Returns the names in a file of timm.
    pub(in crate::model) fn of_timm(special: &[&str]) -> Self {
        Self {
            writer: Writer::Timm,
            body: String::new(),
            special: special.iter().map(|&token| token.to_owned()).collect(),
            positions: "pos_embed".to_owned(),
            patches: "patch_embed.proj".to_owned(),
            norm: "norm".to_owned(),
            classifiers: vec!["head".to_owned()],
        }
    }

    /// Sets the names of the classifiers.
    pub(in crate::model) fn with_classifiers(self, names: &[&str]) -> Self {
        Self {
            classifiers: names.iter().map(|&name| name.to_owned()).collect(),
            ..self
        }
    }

    /// Returns the names of a layer.
    pub(super) fn layer(&self, layer: usize, config: &VitConfig) -> LayerNames {
        let heads = config.sizes.heads(layer);
        match self.writer {
            Writer::Transformers => {
                let name = format!("{}encoder.layer.{layer}", self.body);
                let part = |part: &str| format!("{name}.{part}");
                let row =
                    |map: &str| map_of(part(&format!("attention.attention.{map}")), 0, config);
                LayerNames {
                    group: format!("encoder.layer.{layer}"),
                    query: row("query"),
                    key: row("key"),
                    value: row("value"),
                    fused: false,
                    output: part("attention.output.dense"),
                    first: part("intermediate.dense"),
                    second: part("output.dense"),
                    norms: [part("layernorm_before"), part("layernorm_after")],
                }
            }
            Writer::Timm => {
                let name = format!("{}blocks.{layer}", self.body);
                let part = |part: &str| format!("{name}.{part}");
                let row = |first: usize| map_of(part("attn.qkv"), first, config);
                LayerNames {
                    group: format!("blocks.{layer}"),
                    query: row(0),
                    key: row(heads.queries()),
                    value: row(2 * heads.queries()),
                    fused: true,
                    output: part("attn.proj"),
                    first: part("mlp.fc1"),
                    second: part("mlp.fc2"),
                    norms: [part("norm1"), part("norm2")],
                }
            }
        }
    }
}

fn map_of(name: String, offset: usize, config: &VitConfig) -> RowMap {
    RowMap {
        weight: format!("{name}.weight"),
        bias: config.has_qkv_bias.then(|| format!("{name}.bias")),
        offset,
    }
}

/// Names of the tensors of a layer. Those of maps and norms are without `.weight`.
pub(super) struct LayerNames {
    /// Name of the layer in the names of its groups.
    pub(super) group: String,
    pub(super) query: RowMap,
    pub(super) key: RowMap,
    pub(super) value: RowMap,
    /// Whether query, key and value are one tensor.
    fused: bool,
    pub(super) output: String,
    pub(super) first: String,
    pub(super) second: String,
    /// The norms before attention and before the feed-forward layer.
    pub(super) norms: [String; 2],
}

impl LayerNames {
    /// Returns the maps of the attention block.
    pub(super) fn attention(&self) -> AttentionMaps {
        AttentionMaps {
            queries: Some([self.query.clone(), self.key.clone()]),
            value: self.value.clone(),
            output: format!("{}.weight", self.output),
            of_heads: Vec::new(),
        }
    }

    /// Returns the group of the neurons.
    pub(super) fn neurons(&self, block: usize, width: usize) -> UnitGroup {
        neurons(&self.group, block, width, [&self.first, &self.second])
    }

    /// Returns the number of rows of the tensor that holds a map with `own` rows.
    pub(super) fn stored(&self, heads: Heads, own: usize) -> usize {
        match self.fused {
            true => 2 * heads.queries() + heads.values(),
            false => own,
        }
    }
}

/// Names of modules in memory of transformers 5, and the names in files.
const RENAMED: [(&str, &str); 7] = [
    (".attention.q_proj.", ".attention.attention.query."),
    (".attention.k_proj.", ".attention.attention.key."),
    (".attention.v_proj.", ".attention.attention.value."),
    (".attention.o_proj.", ".attention.output.dense."),
    (".mlp.fc1.", ".intermediate.dense."),
    (".mlp.fc2.", ".output.dense."),
    (".layers.", ".encoder.layer."),
];

/// Renames the tensors to the names that files of transformers have. See [`load::names_of_files`].
///
/// # Errors
/// Returns an error if a tensor exists under both names.
pub(in crate::model) fn of_files(weights: Weights) -> Result<Weights, CheckpointError> {
    load::names_of_files(weights, ".layers.", &RENAMED)
}
