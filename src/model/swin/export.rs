//! `config.json` of a pruned Swin transformer. It is written from known keys, with sizes that differ by block.

use serde_json::{Map, Value, json};

use super::config::{CLASSES, SwinConfig};
use crate::checkpoint::config::Config;
use crate::model::config::{Keys, auto_map, entries, labels};
use crate::model::export::Export;
use crate::model::mask::Masks;
use crate::model::unit::Units;

/// Name and content of the Python file that makes the built-in classes of transformers narrower.
pub(in crate::model) const MODELING: (&str, &str) = (
    "modeling_optin_swin.py",
    include_str!("modeling_optin_swin.py"),
);

const KEYS: Keys = Keys {
    carried: &[
        "attention_probs_dropout_prob",
        "depths",
        "drop_path_rate",
        "dtype",
        "embed_dim",
        "encoder_stride",
        "hidden_act",
        "hidden_dropout_prob",
        "hidden_size",
        "image_size",
        "initializer_range",
        "layer_norm_eps",
        "mlp_ratio",
        "num_channels",
        "num_heads",
        "num_layers",
        "out_features",
        "out_indices",
        "patch_size",
        "path_norm",
        "problem_type",
        "qkv_bias",
        "stage_names",
        "torch_dtype",
        "transformers_version",
        "use_absolute_embeddings",
        "window_size",
    ],
    replaced: &["_name_or_path", "architectures", "model_type", "num_labels"],
    without_effect: &["add_cross_attention", "is_decoder", "use_cache"],
};

/// Returns the known keys of the configuration of a backbone.
pub(in crate::model) fn backbone(source: Option<&Value>) -> Map<String, Value> {
    let mut map = entries(json!({ "model_type": "swin" }));
    if let Some(source) = source.and_then(Value::as_object) {
        KEYS.carry(source, &mut map);
    }
    map
}

/// Returns the configuration and the modeling file of the pruned model.
pub(super) fn export(
    config: &SwinConfig,
    names: &[String],
    source: &Config,
    units: Units,
    masks: &Masks,
) -> Export {
    let source = source.map();
    // The modeling file first builds the built-in class with the sizes of the original.
    let written: Value = json!({
        "architectures": CLASSES,
        "auto_map": auto_map(MODELING, CLASSES[0]),
        "model_type": "swin",
    });
    let mut map = entries(written);
    map.extend(config.sizes.kept(units, masks));
    map.extend(labels(names));
    let left_out = KEYS.carry(source, &mut map);
    Export {
        config: map,
        companions: vec![MODELING],
        usage: None,
        left_out,
    }
}
