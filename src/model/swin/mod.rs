//! Swin transformers for image classification (Liu et al. 2021).
//!
//! The stem makes a position of each square of pixels. Each block is two blocks of the chain, attention within windows and
//! feed-forward, each with a norm before its units. After a stage, the positions are joined by squares. The head reads the
//! mean of all positions.

mod blocks;
pub(in crate::model) mod body;
pub(in crate::model) mod config;
pub(in crate::model) mod export;
pub(in crate::model) mod names;

use self::body::Setting;
pub use self::config::CLASSES;
use self::config::SwinConfig;
use super::batch::{ImageShape, Reads, Resolution};
use super::chain::Model;
use super::image_config::{checked, pair};
use super::layer::pool::Pool;
use super::layer::sequence::Sequence;
use super::load;
use super::unit::Units;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Start of the names of the body.
const PREFIX: &str = "swin.";

/// Renames the tensors to the names that files have.
///
/// # Errors
/// Returns an error if a tensor exists under both names.
pub fn names_of_files(weights: Weights) -> Result<Weights, CheckpointError> {
    names::of_files(weights)
}

/// Builds the graph that the configuration describes from the weights.
///
/// # Errors
/// Returns an error if the configuration is not supported, or if a tensor is missing, has another shape or contains values
/// that are not finite.
pub fn open(source: &Config, weights: &Weights, units: Units) -> Result<Model, CheckpointError> {
    let config = SwinConfig::read(source)?;
    let [height, width] = pair(source, "image_size", 224)?;
    let setting = Setting {
        prefix: PREFIX,
        image: checked(ImageShape {
            height,
            width,
            channels: config.channels,
            patch: config.patch,
            padded: true,
            resolution: Resolution::Staged,
        })?,
        always_shifts: false,
        units,
    };
    let body = body::stages(&config, &setting, weights, |_| Ok(Sequence::identity()))?;
    let hidden = config.stages.last().map_or(0, |last| last.hidden);
    let labels = source.labels()?;
    let norm = load::norm(weights, "swin.layernorm", hidden, config.norm_epsilon)?;
    load::check_classifier(weights, "classifier", CLASSES[0])?;
    let head = norm.then(Pool::mean_to([1, 1], hidden)).then(load::dense(
        weights,
        "classifier",
        hidden,
        labels.len(),
    )?);
    let stem = body::stem(&config, &setting, weights)?;
    let source = source.clone();
    Ok(Model {
        reads: Reads::Pixels(setting.image),
        stem: Box::new(stem),
        head,
        blocks: body.blocks,
        groups: body.groups,
        head_maps: body.head_maps,
        parts: None,
        merging: None,
        export: Box::new(move |masks| export::export(&config, &labels, &source, units, masks)),
    })
}
