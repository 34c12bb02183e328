//! `config.json` of a pruned vision transformer. It is written from known keys, with sizes that differ by layer.

use serde_json::{Value, json};

use super::config::{Family, MERGED, PLANNED, VitConfig};
use crate::checkpoint::config::Config;
use crate::model::config::{Keys, auto_map, entries, labels, original};
use crate::model::export::Export;
use crate::model::mask::Masks;
use crate::model::unit::Units;

const KEYS: Keys = Keys {
    carried: &[
        "attention_probs_dropout_prob",
        "dtype",
        "encoder_stride",
        "head_dim",
        "hidden_dropout_prob",
        "image_size",
        "initializer_range",
        "num_channels",
        "patch_size",
        "pooler_act",
        "pooler_output_size",
        "problem_type",
        "qkv_bias",
        "torch_dtype",
        "transformers_version",
    ],
    replaced: &["_name_or_path", "num_labels", PLANNED, "pruned_heads"],
    without_effect: &["add_cross_attention", "is_decoder", "use_cache"],
};

/// Returns the configuration and the modeling file of the pruned model.
pub(super) fn export(
    family: &Family,
    config: &VitConfig,
    source: &Config,
    units: Units,
    masks: &Masks,
) -> Export {
    let source = source.map();
    // The modeling file first builds the built-in class with the sizes of the original.
    let written = json!({
        "architectures": [config.class],
        "auto_map": auto_map(family.modeling[0], config.class),
        "model_type": family.model_type,
        "hidden_size": config.hidden,
        "num_hidden_layers": config.sizes.layers(),
        "num_attention_heads": original(source, "num_attention_heads", Value::Null),
        "intermediate_size": original(source, "intermediate_size", Value::Null),
        "hidden_act": original(source, "hidden_act", json!("gelu")),
        "layer_norm_eps": config.norm_epsilon,
        MERGED: config.merged,
    });
    let mut map = entries(written);
    map.extend(config.sizes.kept(units, masks));
    map.extend(labels(&config.labels));
    let left_out = KEYS.carry(source, &mut map);
    Export {
        config: map,
        companions: family.modeling.to_vec(),
        usage: None,
        left_out,
    }
}
