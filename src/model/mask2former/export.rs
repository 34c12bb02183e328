//! `config.json` of a pruned Mask2Former. It is written from known keys, with sizes that differ by layer.

use serde_json::{Map, Value, json};

use super::config::{CLASSES, CROSS, ENCODER, KEPT_GROUPS, Mask2FormerConfig, OWN};
use crate::checkpoint::config::Config;
use crate::model::config::{Keys, auto_map, entries, labels};
use crate::model::convnet::image::IMAGE_SIZE;
use crate::model::encoder::kept::Kept;
use crate::model::encoder::sizes::{
    HEADS, KEYS as SIZES, NEURONS, QUERY_SIZES, VALUE_SIZES, lists,
};
use crate::model::export::Export;
use crate::model::mask::Masks;
use crate::model::swin::export as swin;
use crate::model::unit::Units;

/// Name and content of the Python file that makes the built-in class of transformers narrower.
const MODELING: (&str, &str) = (
    "modeling_optin_mask2former.py",
    include_str!("modeling_optin_mask2former.py"),
);

const KEYS: Keys = Keys {
    carried: &[
        "activation_function",
        "class_weight",
        "common_stride",
        "decoder_layers",
        "dice_weight",
        "dim_feedforward",
        "dropout",
        "dtype",
        "encoder_feedforward_dim",
        "encoder_layers",
        "enforce_input_projection",
        "feature_size",
        "feature_strides",
        "hidden_dim",
        "ignore_value",
        "importance_sample_ratio",
        "init_std",
        "init_xavier_std",
        "mask_feature_size",
        "mask_weight",
        "no_object_weight",
        "num_attention_heads",
        "num_queries",
        "output_auxiliary_logits",
        "oversample_ratio",
        "pre_norm",
        "torch_dtype",
        "train_num_points",
        "transformers_version",
        "use_auxiliary_loss",
    ],
    replaced: &[
        "_name_or_path",
        "architectures",
        "backbone_config",
        "model_type",
        "num_labels",
    ],
    without_effect: &[
        "backbone",
        "backbone_kwargs",
        "num_hidden_layers",
        "use_pretrained_backbone",
        "use_timm_backbone",
    ],
};

/// Returns the configuration and the modeling files of the pruned model.
pub(super) fn export(
    config: &Mask2FormerConfig,
    source: &Config,
    units: Units,
    masks: &Masks,
) -> Export {
    let source = source.map();
    let mut backbone = swin::backbone(source.get("backbone_config"));
    backbone.extend(config.backbone.sizes.kept(units, masks));
    let image = config.image;
    // The modeling file first builds the built-in class with the sizes of the original.
    let written = json!({
        "architectures": CLASSES,
        "auto_map": auto_map(MODELING, CLASSES[0]),
        "model_type": "mask2former",
        "backbone_config": backbone,
        IMAGE_SIZE: [image.height, image.width],
    });
    let mut map = entries(written);
    map.extend(sizes(config, units, masks));
    map.extend(labels(&config.labels));
    let left_out = KEYS.carry(source, &mut map);
    Export {
        config: map,
        companions: vec![MODELING, swin::MODELING],
        usage: None,
        left_out,
    }
}

/// Returns the sizes of both decoders that the masks keep.
fn sizes(config: &Mask2FormerConfig, units: Units, masks: &Masks) -> Map<String, Value> {
    let of_backbone = match units {
        Units::Heads => 2,
        Units::Dimensions => 3,
    };
    let mut kept = Kept::of(units, masks).from(of_backbone * config.backbone.sizes.layers());
    let encoder: Vec<[usize; 3]> = (0..config.encoder.layers())
        .map(|layer| {
            let [heads, _, value] = kept.heads(config.encoder.heads(layer), false);
            [heads, value, kept.count()]
        })
        .collect();
    let groups = kept.count();
    let decoder: Vec<([usize; 4], [usize; 3])> = (0..config.cross.layers())
        .map(|layer| {
            let [heads, query, value] = kept.heads(config.cross.heads(layer), true);
            let own = kept.heads(config.own.heads(layer), true);
            ([heads, query, value, kept.count()], own)
        })
        .collect();
    let (cross, own): (Vec<_>, Vec<_>) = decoder.into_iter().unzip();
    let mut map = lists(ENCODER, [HEADS, VALUE_SIZES, NEURONS], encoder.into_iter());
    map.extend(lists(CROSS, SIZES, cross.into_iter()));
    map.extend(lists(
        OWN,
        [HEADS, QUERY_SIZES, VALUE_SIZES],
        own.into_iter(),
    ));
    map.insert(KEPT_GROUPS.to_owned(), json!(groups));
    map
}
