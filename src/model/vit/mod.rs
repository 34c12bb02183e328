//! Vision transformers for image classification (Dosovitskiy et al. 2021).
//!
//! The stem makes a position of each square of pixels and puts class tokens before them. Each layer is two blocks of the
//! chain, attention and feed-forward, each with a norm before its units. The head reads class tokens only.

mod blocks;
pub(in crate::model) mod config;
mod export;
mod head;
pub(in crate::model) mod names;
mod patches;
mod teacher;
pub mod timm;

use self::config::{Family, HeadKind, PLANNED, VitConfig};
use self::names::Names;
use self::patches::Patches;
use super::batch::Reads;
use super::chain::Model;
use super::export::Export;
use super::mask::Masks;
use super::merging::Merging;
use super::unit::Units;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Names of the classes that write supported checkpoints.
pub const CLASSES: &[&str] = &["ViTForImageClassification"];

/// Name and content of the Python file that makes the built-in classes of transformers narrower.
pub(in crate::model) const MODELING: (&str, &str) = (
    "modeling_optin_vit.py",
    include_str!("modeling_optin_vit.py"),
);

const FAMILY: Family = Family {
    model_type: "vit",
    special: &["cls_token"],
    classes: CLASSES,
    classifiers_with_teacher: &[],
    modeling: &[MODELING],
};

/// Builds the graph that the configuration describes from the weights.
///
/// # Errors
/// Returns an error if the configuration is not supported, or if a tensor is missing, has another shape or contains values
/// that are not finite.
pub fn open(source: &Config, weights: &Weights, units: Units) -> Result<Model, CheckpointError> {
    open_family(&FAMILY, source, weights, units)
}

/// Renames the tensors to the names that files have.
///
/// # Errors
/// Returns an error if a tensor exists under both names.
pub fn names_of_files(weights: Weights) -> Result<Weights, CheckpointError> {
    names::of_files(weights)
}

/// Builds the graph of a family whose checkpoints have the names of transformers.
pub(in crate::model) fn open_family(
    family: &'static Family,
    source: &Config,
    weights: &Weights,
    units: Units,
) -> Result<Model, CheckpointError> {
    let config = VitConfig::read(family, source)?;
    let names = Names::of_transformers(family);
    let names = match config.head {
        HeadKind::First => names,
        HeadKind::Both => names.with_classifiers(family.classifiers_with_teacher),
    };
    let source = source.clone();
    build(config, &names, weights, units, move |config, masks| {
        export::export(family, config, &source, units, masks)
    })
}

/// Builds the graph of a configuration from tensors with these names.
pub(in crate::model) fn build(
    config: VitConfig,
    names: &Names,
    weights: &Weights,
    units: Units,
    export: impl Fn(&VitConfig, &Masks) -> Export + Send + Sync + 'static,
) -> Result<Model, CheckpointError> {
    let (mut blocks, mut groups, mut head_maps) = (Vec::new(), Vec::new(), Vec::new());
    for layer in 0..config.sizes.layers() {
        let of_layer = names.layer(layer, &config);
        let heads = config.sizes.heads(layer);
        let place = blocks.len();
        let maps = of_layer.attention();
        groups.extend(maps.groups(&of_layer.group, place, heads, units, groups.len()));
        head_maps.push(maps.rotated(place, heads));
        blocks.push(blocks::attention(&config, layer, &of_layer, weights)?);
        groups.push(of_layer.neurons(place + 1, config.sizes.neurons(layer)));
        blocks.push(blocks::feed_forward(&config, layer, &of_layer, weights)?);
    }
    Ok(Model {
        reads: Reads::Pixels(config.image),
        stem: Box::new(Patches::load(&config, names, weights)?),
        head: head::head(&config, names, weights)?,
        blocks,
        groups,
        head_maps,
        parts: None,
        merging: Some(Merging {
            key: PLANNED,
            schedule: config.merged.clone(),
            positions: config.image.patches().1,
        }),
        export: Box::new(move |masks| export(&config, masks)),
    })
}
