//! Vision transformers in folders of timm: `config.json` names an `architecture`, the sizes are those of the tensors.
//!
//! Supported are the plain models `vit_*` and `deit_*` whose head reads the class token, with or without a distillation
//! token. The numbers of heads and the norms' epsilon stand only in the code of timm.

use serde_json::{Value, json};

use super::config::{HeadKind, MERGED, PLANNED, VitConfig, merged};
use super::names::Names;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::batch::{ImageShape, Resolution};
use crate::model::chain::Model;
use crate::model::config::{MAX_LAYERS, MAX_WIDTH};
use crate::model::encoder::sizes::{LayerSizes, Whole, divided};
use crate::model::export::{Export, Usage};
use crate::model::image_config::checked;
use crate::model::mask::Masks;
use crate::model::nn::activation::Activation;
use crate::model::timm;
use crate::model::unit::Units;

/// Beginnings of the names of supported architectures.
pub const ARCHITECTURES: &[&str] = &["vit_", "deit_"];

/// Sizes in the names of architectures, with their numbers of heads.
const HEADS: [(&str, usize); 5] = [
    ("tiny", 3),
    ("small", 6),
    ("base", 12),
    ("large", 16),
    ("huge", 16),
];

/// Added to the variance of norms.
const NORM_EPSILON: f64 = 1e-6;

/// Python code that opens a result.
const LOADER: (&str, &str) = ("optin_timm.py", include_str!("optin_timm.py"));

/// How the loader is used, for the model card.
const USAGE: Usage = Usage {
    library: "timm",
    code: "import sys\n\nsys.path.insert(0, \"path/to/this/folder\")\nfrom optin_timm import load\n\nmodel = load(\"path/to/this/folder\")",
};

/// Parts of names of architectures that compute something else.
const OTHER_NAMES: [&str; 6] = ["_clip_", "_xp_", "_siglip", "_rope", "_dinov3", "_rpn"];

/// Tensors that only other graphs have, with the feature that they belong to.
const OTHER_TENSORS: [(&str, &str); 6] = [
    ("blocks.0.ls1.gamma", "a scale of each layer's output"),
    ("blocks.0.attn.q_norm.weight", "norms of queries and keys"),
    ("reg_token", "register tokens"),
    ("norm_pre.weight", "a norm before the first layer"),
    ("fc_norm.weight", "a mean over the patches"),
    ("attn_pool.q.weight", "attention pooling"),
];

/// Builds the graph that the configuration describes from the weights.
///
/// # Errors
/// Returns an error if the architecture is not supported, or if a tensor is missing, has another shape or contains values
/// that are not finite.
pub fn open(source: &Config, weights: &Weights, units: Units) -> Result<Model, CheckpointError> {
    refuse_variants(source, weights)?;
    let is_distilled = weights.contains("dist_token");
    let special: &[&str] = match is_distilled {
        true => &["cls_token", "dist_token"],
        false => &["cls_token"],
    };
    let names = Names::of_timm(special);
    let (names, head) = match is_distilled {
        true => (
            names.with_classifiers(&["head", "head_dist"]),
            HeadKind::Both,
        ),
        false => (names, HeadKind::First),
    };
    let config = read(source, weights, special.len(), head)?;
    let source = source.clone();
    super::build(config, &names, weights, units, move |config, masks| {
        export(config, &source, units, masks)
    })
}

/// Rejects variants of the graph that compute something else.
fn refuse_variants(config: &Config, weights: &Weights) -> Result<(), CheckpointError> {
    let name = config.str_or("architecture", "")?;
    let unsupported = |what: String| {
        Err(CheckpointError::UnsupportedModel(format!(
            "config.json has architecture \"{name}\", {what}; supported are plain vision transformers that read the class token"
        )))
    };
    if let Some(other) = OTHER_NAMES.iter().find(|other| name.contains(*other)) {
        return unsupported(format!(
            "and architectures with \"{other}\" are not supported"
        ));
    }
    if let Some((_, what)) = OTHER_TENSORS
        .iter()
        .find(|(tensor, _)| weights.contains(tensor))
    {
        return unsupported(format!("and the model has {what}, which is not supported"));
    }
    match config.str_or("global_pool", "token")? {
        "token" => Ok(()),
        pool => unsupported(format!(
            "and global_pool is \"{pool}\", which is not supported"
        )),
    }
}

fn read(
    config: &Config,
    weights: &Weights,
    special: usize,
    head: HeadKind,
) -> Result<VitConfig, CheckpointError> {
    let shape = |name: &str, rank: usize| {
        let shape = weights.shape(name).filter(|shape| shape.len() == rank);
        shape.map(<[usize]>::to_vec).ok_or_else(|| {
            CheckpointError::Invalid(format!(
                "the checkpoint has no tensor \"{name}\" with {rank} dimensions, which every vision transformer of timm has"
            ))
        })
    };
    let patches = shape("patch_embed.proj.weight", 4)?;
    let (hidden, channels, patch) = (patches[0], patches[1], patches[2]);
    let positions = shape("pos_embed", 3)?[1];
    let layers = (0..MAX_LAYERS)
        .take_while(|layer| weights.contains(&format!("blocks.{layer}.norm1.weight")))
        .count();
    let heads = heads(config)?;
    let neurons = match layers {
        0 => 0,
        _ => shape("blocks.0.mlp.fc1.weight", 2)?[0],
    };
    let whole = Whole {
        heads,
        head_dim: divided(["embed_dim", "num_heads"], hidden, heads)?.max(1),
        neurons: neurons.min(MAX_WIDTH),
    };
    Ok(VitConfig {
        hidden,
        sizes: LayerSizes::read(config, vec![whole; layers])?,
        image: image(config, channels, patch, positions.saturating_sub(special))?,
        special,
        merged: merged(config, layers)?,
        merges_already: !config.map().contains_key(PLANNED),
        has_qkv_bias: weights.contains("blocks.0.attn.qkv.bias"),
        activation: Activation::Gelu,
        norm_epsilon: NORM_EPSILON,
        head,
        class: "timm model with a classifier",
        labels: config.labels()?,
    })
}

/// Returns the number of heads of the original model, which no tensor tells.
fn heads(config: &Config) -> Result<usize, CheckpointError> {
    let given = config
        .map()
        .get("model_args")
        .and_then(|given| given.get("num_heads"));
    if let Some(heads) = given.and_then(Value::as_u64).filter(|&heads| heads > 0) {
        return Ok(usize::try_from(heads).unwrap_or(usize::MAX));
    }
    let name = config.str_or("architecture", "")?;
    let part = |size: &str| name.split('_').any(|part| part == size);
    let known = HEADS.iter().find(|(size, _)| part(size));
    known.map(|&(_, heads)| heads).ok_or_else(|| {
        CheckpointError::UnsupportedModel(format!(
            "config.json has architecture \"{name}\", whose number of attention heads is not known; add it as num_heads to model_args"
        ))
    })
}

/// Returns the shape of the images. The patches must be as many as the position embeddings.
fn image(
    config: &Config,
    channels: usize,
    patch: usize,
    patches: usize,
) -> Result<ImageShape, CheckpointError> {
    let [height, width] = timm::size(config)?;
    let shape = checked(ImageShape {
        height,
        width,
        channels,
        patch,
        padded: false,
        resolution: Resolution::Constant,
    })?;
    match shape.patches().1 == patches {
        true => Ok(shape),
        false => Err(CheckpointError::Invalid(format!(
            "config.json describes images of {height} x {width} pixels, which have {} patches of {patch} x {patch} pixels, but pos_embed has {patches}",
            shape.patches().1
        ))),
    }
}

/// Returns the configuration with the sizes of the layers, and the file that opens it.
fn export(config: &VitConfig, source: &Config, units: Units, masks: &Masks) -> Export {
    let (mut map, left_out) = timm::written(source);
    map.extend(config.sizes.kept(units, masks));
    map.insert(MERGED.to_owned(), json!(config.merged));
    let mut left_out = left_out;
    left_out.retain(|key| key != PLANNED && !map.contains_key(key));
    Export {
        config: map,
        companions: vec![LOADER],
        usage: Some(USAGE),
        left_out,
    }
}
