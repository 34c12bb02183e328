//! The body of a Swin transformer: the embedding of patches, and the stages.

use super::blocks::{self, Place};
use super::config::SwinConfig;
use super::names::BlockNames;
use crate::checkpoint::error::{CheckpointError, reason};
use crate::checkpoint::weights::Weights;
use crate::model::batch::ImageShape;
use crate::model::block::Block;
use crate::model::encoder::units::neurons;
use crate::model::head_maps::HeadMaps;
use crate::model::layer::dense::Dense;
use crate::model::layer::sequence::Sequence;
use crate::model::layer::squares::Squares;
use crate::model::load;
use crate::model::nn::linear::Linear;
use crate::model::pixels::OfPixels;
use crate::model::unit::{UnitGroup, Units};

/// Epsilon of the norms outside of blocks. No key sets it.
pub(in crate::model) const NORM_EPSILON: f64 = 1e-5;

/// Side of the squares of positions that are joined between two stages.
const JOINED: usize = 2;

/// The parts of a model that the body contributes.
#[derive(Default)]
pub(in crate::model) struct Body {
    pub(in crate::model) blocks: Vec<Block>,
    pub(in crate::model) groups: Vec<UnitGroup>,
    pub(in crate::model) head_maps: Vec<HeadMaps>,
}

/// Where a body is in a checkpoint, and how it is used.
pub(in crate::model) struct Setting<'a> {
    /// Start of the names of its tensors.
    pub(in crate::model) prefix: &'a str,
    /// Shape of the images.
    pub(in crate::model) image: ImageShape,
    /// Whether windows are shifted on every map, as in a backbone.
    pub(in crate::model) always_shifts: bool,
    /// Units of the attention.
    pub(in crate::model) units: Units,
}

/// Builds the stem: a map of each patch of pixels, and a norm.
pub(in crate::model) fn stem(
    config: &SwinConfig,
    setting: &Setting<'_>,
    weights: &Weights,
) -> Result<OfPixels, CheckpointError> {
    let (channels, patch) = (config.channels, config.patch);
    let hidden = config.stages[0].hidden;
    let name = format!("{}embeddings.patch_embeddings.projection", setting.prefix);
    let weight = format!("{name}.weight");
    let tensor = weights.tensor(&weight, &[hidden, channels, patch, patch])?;
    // Squares are read one column after the other, each position with its channels.
    let turned = tensor
        .permute((0, 3, 2, 1))
        .and_then(|turned| turned.reshape((hidden, patch * patch * channels)))
        .map_err(|error| CheckpointError::Invalid(reason(&error)))?;
    let bias = weights.tensor(&format!("{name}.bias"), &[hidden])?;
    let norm = format!("{}embeddings.norm", setting.prefix);
    let norm = load::layer_norm(weights, &norm, hidden, NORM_EPSILON)?;
    Ok(OfPixels {
        image: setting.image,
        layers: Sequence::identity()
            .then(Squares::new(patch, channels))
            .then(Dense::new(weight, Linear::new(turned, bias)))
            .then(norm),
        device: weights.device().clone(),
    })
}

/// Builds the stages. `after` returns what follows the last block of a stage, before the positions are joined for the next
/// stage.
pub(in crate::model) fn stages(
    config: &SwinConfig,
    setting: &Setting<'_>,
    weights: &Weights,
    after: impl Fn(usize) -> Result<Sequence, CheckpointError>,
) -> Result<Body, CheckpointError> {
    let mut body = Body::default();
    let ImageShape { height, width, .. } = setting.image;
    let mut size = [height, width].map(|side| side.div_ceil(config.patch));
    let mut layer = 0;
    for (index, stage) in config.stages.iter().enumerate() {
        for block in 0..stage.depth {
            let names = BlockNames::of(setting.prefix, index, block, config);
            let at = Place {
                layer,
                hidden: stage.hidden,
                size,
            };
            let windows = config.windows(block, size, setting.always_shifts)?;
            let heads = config.sizes.heads(layer);
            let (place, maps) = (body.blocks.len(), names.attention());
            let first = body.groups.len();
            let groups = maps.groups(&names.group, place, heads, setting.units, first);
            body.groups.extend(groups);
            body.head_maps.push(maps.rotated(place, heads));
            let attention = blocks::attention(config, at, windows, &names, weights)?;
            body.blocks.push(attention);
            let finish = match block + 1 == stage.depth {
                false => Sequence::identity(),
                true => joined(config, setting, index, after(index)?, weights)?,
            };
            let width = config.sizes.neurons(layer);
            let pair = [names.first.as_str(), names.second.as_str()];
            body.groups
                .push(neurons(&names.group, place + 1, width, pair));
            let feed_forward = blocks::feed_forward(config, at, &names, weights, finish)?;
            body.blocks.push(feed_forward);
            layer += 1;
        }
        size = size.map(|side| side.div_ceil(JOINED));
    }
    Ok(body)
}

/// Appends the step to the next stage: the channels of squares of positions are joined, and mapped to twice as many as a
/// position has.
fn joined(
    config: &SwinConfig,
    setting: &Setting<'_>,
    stage: usize,
    finish: Sequence,
    weights: &Weights,
) -> Result<Sequence, CheckpointError> {
    if stage + 1 == config.stages.len() {
        return Ok(finish);
    }
    let hidden = config.stages[stage].hidden;
    let joined = JOINED * JOINED * hidden;
    let name = format!("{}encoder.layers.{stage}.downsample", setting.prefix);
    let norm = load::layer_norm(weights, &format!("{name}.norm"), joined, NORM_EPSILON)?;
    let weight = format!("{name}.reduction.weight");
    let reduction = weights.tensor(&weight, &[2 * hidden, joined])?;
    Ok(finish
        .then(Squares::new(JOINED, hidden))
        .then(norm)
        .then(Dense::new(weight, Linear::new(reduction, None))))
}
