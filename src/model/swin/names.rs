//! Names of tensors, as transformers writes them.

use super::config::SwinConfig;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::encoder::units::AttentionMaps;
use crate::model::head_maps::RowMap;
use crate::model::load;
use crate::model::unit::ParamSlice;

/// Names of the tensors of a block. Those of maps and norms are without `.weight`.
pub(super) struct BlockNames {
    /// Name of the block in the names of its groups.
    pub(super) group: String,
    pub(super) query: RowMap,
    pub(super) key: RowMap,
    pub(super) value: RowMap,
    /// The table of the numbers that are added to scores.
    pub(super) table: String,
    pub(super) output: String,
    pub(super) first: String,
    pub(super) second: String,
    /// The norms before attention and before the feed-forward layer.
    pub(super) norms: [String; 2],
}

impl BlockNames {
    /// Returns the names of a block of a stage. `body` is the start of the names of the body.
    pub(super) fn of(body: &str, stage: usize, block: usize, config: &SwinConfig) -> Self {
        let group = format!("encoder.layers.{stage}.blocks.{block}");
        let part = |part: &str| format!("{body}{group}.{part}");
        let row = |map: &str| {
            let name = part(&format!("attention.self.{map}"));
            RowMap {
                weight: format!("{name}.weight"),
                bias: config.has_qkv_bias.then(|| format!("{name}.bias")),
                offset: 0,
            }
        };
        Self {
            query: row("query"),
            key: row("key"),
            value: row("value"),
            table: part("attention.self.relative_position_bias_table"),
            output: part("attention.output.dense"),
            first: part("intermediate.dense"),
            second: part("output.dense"),
            norms: [part("layernorm_before"), part("layernorm_after")],
            group,
        }
    }

    /// Returns the maps of the attention.
    pub(super) fn attention(&self) -> AttentionMaps {
        AttentionMaps {
            queries: Some([self.query.clone(), self.key.clone()]),
            value: self.value.clone(),
            output: format!("{}.weight", self.output),
            of_heads: vec![ParamSlice::single(self.table.clone(), 1)],
        }
    }
}

/// Names of modules in memory of transformers 5, and the names in files.
const RENAMED: [(&str, &str); 7] = [
    (".attention.q_proj.", ".attention.self.query."),
    (".attention.k_proj.", ".attention.self.key."),
    (".attention.v_proj.", ".attention.self.value."),
    (".attention.o_proj.", ".attention.output.dense."),
    (".attention.relative_position_bias.", ".attention.self."),
    (".mlp.fc1.", ".intermediate.dense."),
    (".mlp.fc2.", ".output.dense."),
];

/// Renames the tensors to the names that files of transformers have. See [`load::names_of_files`].
///
/// # Errors
/// Returns an error if a tensor exists under both names.
pub(in crate::model) fn of_files(weights: Weights) -> Result<Weights, CheckpointError> {
    load::names_of_files(weights, ".blocks.", &RENAMED)
}
