//! What all folders of timm have in common.

use serde_json::{Map, Value, json};

use super::config::{Keys, is_plain};
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Keys of `config.json`.
const KEYS: Keys = Keys {
    carried: &[
        "architecture",
        "dtype",
        "global_pool",
        "initializer_range",
        "label_names",
        "num_classes",
        "num_features",
        "num_labels",
        "problem_type",
        "torch_dtype",
        "transformers_version",
    ],
    replaced: &[
        "architectures",
        "model_args",
        "model_type",
        "pretrained_cfg",
    ],
    without_effect: &["do_pooling", "_name_or_path"],
};

/// Maps from one text to another. They name classes.
const MAPS: [&str; 3] = ["id2label", "label2id", "label_descriptions"];

/// Keys of `pretrained_cfg` that describe the model and its images. The others name files and repositories with weights.
const DESCRIPTION: &[&str] = &[
    "architecture",
    "classifier",
    "crop_mode",
    "crop_pct",
    "description",
    "first_conv",
    "fixed_input_size",
    "input_size",
    "interpolation",
    "label_names",
    "label_offset",
    "license",
    "mean",
    "min_input_size",
    "num_classes",
    "origin_url",
    "paper_ids",
    "paper_name",
    "pool_size",
    "std",
    "tag",
    "test_crop_pct",
    "test_input_size",
];

/// Keys of `model_args` that set sizes and layers. The others, such as `checkpoint_path`, make timm load files.
const ARGUMENTS: &[&str] = &[
    "act_layer",
    "aa_layer",
    "attn_drop_rate",
    "avg_down",
    "base_width",
    "block_reduce_first",
    "cardinality",
    "cfg",
    "channels",
    "class_token",
    "depth",
    "down_kernel_size",
    "drop_block_rate",
    "drop_path_rate",
    "drop_rate",
    "dynamic_img_pad",
    "dynamic_img_size",
    "embed_dim",
    "global_pool",
    "img_size",
    "in_chans",
    "init_values",
    "layers",
    "mlp_ratio",
    "no_embed_class",
    "norm_layer",
    "num_classes",
    "num_features",
    "num_heads",
    "output_stride",
    "patch_drop_rate",
    "patch_size",
    "pos_drop_rate",
    "pos_embed",
    "pre_norm",
    "proj_drop_rate",
    "qkv_bias",
    "reg_tokens",
    "replace_stem_pool",
    "stem_type",
    "stem_width",
    "weight_init",
    "zero_init_last",
];

/// Returns the known keys of a configuration, and those that are left out.
pub(in crate::model) fn written(source: &Config) -> (Map<String, Value>, Vec<String>) {
    let source = source.map();
    let mut map = Map::new();
    let part = |key: &str, known: &[&str]| {
        let given = source.get(key).and_then(Value::as_object);
        let given = given.into_iter().flatten();
        let kept = given.filter(|(key, value)| known.contains(&key.as_str()) && is_plain(value));
        let kept: Map<String, Value> = kept
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        kept
    };
    for key in MAPS {
        if let Some(names) = source.get(key).and_then(Value::as_object)
            && names.values().all(is_plain)
        {
            map.insert(key.to_owned(), json!(names));
        }
    }
    // transformers' wrapper writes null, which timm cannot open.
    if source.contains_key("model_args") {
        map.insert(
            "model_args".to_owned(),
            part("model_args", ARGUMENTS).into(),
        );
    }
    if source.contains_key("pretrained_cfg") {
        let description = part("pretrained_cfg", DESCRIPTION);
        map.insert("pretrained_cfg".to_owned(), description.into());
    }
    let left_out = KEYS.carry(source, &mut map);
    (map, left_out)
}

/// Checks the name of an architecture, which other libraries resolve. A name with other characters may be the address of
/// a repository.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if it does not consist of letters, digits, dots, hyphens and underscores.
pub(in crate::model) fn check_name(name: &str) -> Result<(), CheckpointError> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    match name.chars().all(is_part) {
        true => Ok(()),
        false => Err(CheckpointError::Invalid(format!(
            "config.json has architecture \"{name}\"; the name of an architecture consists of letters, digits, dots, hyphens and underscores"
        ))),
    }
}

/// Renames the tensors to the names of timm. Folders of transformers' wrapper put `timm_model.` before them.
///
/// # Errors
/// Returns an error if a tensor exists under both names.
pub(in crate::model) fn plain_names(weights: Weights) -> Result<Weights, CheckpointError> {
    weights.renamed(|name| name.strip_prefix("timm_model.").unwrap_or(name).to_owned())
}

/// Returns the height and width of the images of a model of timm.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if `config.json` does not tell.
pub(in crate::model) fn size(config: &Config) -> Result<[usize; 2], CheckpointError> {
    let side = |value: &Value| value.as_u64().and_then(|side| usize::try_from(side).ok());
    let given = config
        .map()
        .get("model_args")
        .and_then(|given| given.get("img_size"));
    let given = given.and_then(|size| match size {
        Value::Array(sides) => match sides.as_slice() {
            [height, width] => Some([side(height)?, side(width)?]),
            _ => None,
        },
        one => Some([side(one)?; 2]),
    });
    let pretrained = config
        .map()
        .get("pretrained_cfg")
        .and_then(|given| given.get("input_size"));
    let pretrained = pretrained
        .and_then(Value::as_array)
        .and_then(|size| match size.as_slice() {
            [_, height, width] => Some([side(height)?, side(width)?]),
            _ => None,
        });
    given.or(pretrained).ok_or_else(|| {
        CheckpointError::Invalid(
            "config.json does not tell the size of the images; it must have input_size in pretrained_cfg, for example [3, 224, 224]"
                .to_owned(),
        )
    })
}
