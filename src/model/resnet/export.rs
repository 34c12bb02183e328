//! `config.json` of a pruned ResNet. It is written from known keys, with the numbers of channels of each block.

use serde_json::json;

use super::config::{CLASSES, INNER};
use crate::checkpoint::config::Config;
use crate::model::batch::ImageShape;
use crate::model::config::{Keys, auto_map, entries, labels};
use crate::model::convnet::image::IMAGE_SIZE;
use crate::model::export::Export;
use crate::model::mask::Masks;

/// Name and content of the Python file that makes the built-in classes of transformers narrower.
const MODELING: (&str, &str) = (
    "modeling_optin_resnet.py",
    include_str!("modeling_optin_resnet.py"),
);

const KEYS: Keys = Keys {
    carried: &[
        "depths",
        "downsample_in_bottleneck",
        "downsample_in_first_stage",
        "dtype",
        "embedding_size",
        "hidden_act",
        "hidden_sizes",
        "layer_type",
        "num_channels",
        "out_features",
        "out_indices",
        "problem_type",
        "stage_names",
        "torch_dtype",
        "transformers_version",
    ],
    replaced: &["_name_or_path", "num_labels"],
    without_effect: &[],
};

/// Returns the configuration and the modeling file of the pruned model.
pub(super) fn export(
    image: ImageShape,
    names: &[String],
    source: &Config,
    masks: &Masks,
) -> Export {
    let kept: Vec<usize> = (0..masks.groups())
        .map(|group| masks.count(group))
        .collect();
    let written = json!({
        "architectures": CLASSES,
        "auto_map": auto_map(MODELING, CLASSES[0]),
        "model_type": "resnet",
        IMAGE_SIZE: [image.height, image.width],
        INNER: kept,
    });
    let mut map = entries(written);
    map.extend(labels(names));
    let left_out = KEYS.carry(source.map(), &mut map);
    Export {
        config: map,
        companions: vec![MODELING],
        usage: None,
        left_out,
    }
}
