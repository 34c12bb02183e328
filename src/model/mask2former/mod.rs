//! Mask2Former for segmentation, with a Swin transformer as its backbone (Cheng et al. 2022).
//!
//! The chain is the blocks of the backbone, the layers of the pixel decoder, and the decoder of queries. What later parts
//! read is carried beside the stream: the maps of the backbone, the maps that queries read, the features of masks, and the
//! mask of each layer. The answer is the score of each class at each pixel.

mod config;
mod decoder;
mod export;
mod parts;
mod pixel_decoder;

pub use self::config::CLASSES;
use self::config::Mask2FormerConfig;
use super::batch::Reads;
use super::chain::Model;
use super::hidden::Slot;
use super::layer::sequence::Sequence;
use super::layer::shortcut::Depart;
use super::load;
use super::swin::body::{self, NORM_EPSILON, Setting};
use super::unit::Units;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Start of the names of the backbone.
const BACKBONE: &str = "model.pixel_level_module.encoder.";

/// Builds the graph that the configuration describes from the weights.
///
/// # Errors
/// Returns an error if the configuration is not supported, or if a tensor is missing, has another shape or contains values
/// that are not finite.
pub fn open(source: &Config, weights: &Weights, units: Units) -> Result<Model, CheckpointError> {
    let config = Mask2FormerConfig::read(source)?;
    let setting = Setting {
        prefix: BACKBONE,
        image: config.image,
        always_shifts: true,
        units,
    };
    let last = config.backbone.stages.len() - 1;
    let body = body::stages(&config.backbone, &setting, weights, |stage| {
        let name = format!("{BACKBONE}hidden_states_norms.stage{}", stage + 1);
        let hidden = config.backbone.stages[stage].hidden;
        let norm = load::norm(weights, &name, hidden, NORM_EPSILON)?;
        let kept = Sequence::identity().then(Depart::to(Slot::Level(stage as u8), norm));
        Ok(match stage == last {
            true => kept.then(pixel_decoder::join(&config, weights)?),
            false => kept,
        })
    })?;
    let (mut blocks, mut groups) = (body.blocks, body.groups);
    let mut head_maps = body.head_maps;
    let masks = decoder::masks(&config, weights)?;
    let start = decoder::start(&config, weights, &masks)?;
    let first = [blocks.len(), groups.len()];
    let pixels = pixel_decoder::chain(&config, weights, units, first, start)?;
    let (first_block, first_group) = (
        first[0] + pixels.blocks.len(),
        first[1] + pixels.groups.len(),
    );
    let first = [first_block, first_group];
    let queries = decoder::chain(&config, weights, &masks, units, first)?;
    for part in [pixels, queries] {
        blocks.extend(part.blocks);
        groups.extend(part.groups);
        head_maps.extend(part.head_maps);
    }
    let head = decoder::head(&config, weights, masks)?;
    let stem = body::stem(&config.backbone, &setting, weights)?;
    let source = source.clone();
    Ok(Model {
        reads: Reads::Pixels(config.image),
        stem: Box::new(stem),
        parts: Some(Sequence::identity().then(head.parts())),
        head: Sequence::identity().then(head),
        blocks,
        groups,
        head_maps,
        merging: None,
        export: Box::new(move |masks| export::export(&config, &source, units, masks)),
    })
}
