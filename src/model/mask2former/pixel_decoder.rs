//! The pixel decoder: attention among the pixels of three maps, and the features of masks.

use candle_core::Tensor;

use super::config::{LEVELS, Mask2FormerConfig, NORM_GROUPS, POINTS};
use super::parts::{self, Chain, computed, conv, group_norm, learned};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::block::Block;
use crate::model::encoder::units::{AttentionMaps, neurons};
use crate::model::head_maps::RowMap;
use crate::model::hidden::Slot;
use crate::model::layer::activate::Activate;
use crate::model::layer::deformable_attention::DeformableAttention;
use crate::model::layer::levels::{AddLevel, JoinLevels, Level, SplitLevels};
use crate::model::layer::mapped::Mapped;
use crate::model::layer::sequence::Sequence;
use crate::model::layer::shift::Shift;
use crate::model::load;
use crate::model::nn::activation::Activation;
use crate::model::nn::sine;
use crate::model::unit::{ParamSlice, UnitGroup, UnitKind, Units};

/// Start of the names.
const PREFIX: &str = "model.pixel_level_module.decoder.";

/// Start of the names of the decoder of queries.
const TRANSFORMER: &str = "model.transformer_module.";

/// Returns the stages of the maps in the order of their positions: the coarsest first.
pub(super) fn stages() -> impl Iterator<Item = usize> {
    (1..=LEVELS).rev()
}

/// Returns the sizes of these maps.
pub(super) fn sizes(config: &Mask2FormerConfig) -> Vec<[usize; 2]> {
    let all = config.sizes();
    stages().map(|stage| all[stage]).collect()
}

/// Returns the layer that makes one stream of the maps of the backbone.
pub(super) fn join(
    config: &Mask2FormerConfig,
    weights: &Weights,
) -> Result<JoinLevels, CheckpointError> {
    let all = config.sizes();
    let levels = stages().enumerate().map(|(index, stage)| {
        let name = format!("{PREFIX}input_projections.{index}");
        let inputs = config.backbone.stages[stage].hidden;
        let map = conv(weights, &format!("{name}.0"), [inputs, config.features], 1)?;
        let norm = group_norm(weights, &format!("{name}.1"), NORM_GROUPS, config.features)?;
        Ok(Level {
            slot: Slot::Level(stage as u8),
            size: all[stage],
            layers: Sequence::identity().then(Mapped::new(map)).then(norm),
        })
    });
    let levels: Result<Vec<Level>, CheckpointError> = levels.collect();
    Ok(JoinLevels::new(levels?))
}

/// Returns the layers after the last layer of attention: maps that the queries read, and the input of the last convolution.
fn split(
    config: &Mask2FormerConfig,
    weights: &Weights,
    finish: Sequence,
) -> Result<Sequence, CheckpointError> {
    let all = config.sizes();
    let embedded = format!("{TRANSFORMER}level_embed.weight");
    let embedded = learned(weights, &embedded, [LEVELS, config.hidden])?;
    let levels = stages().enumerate().map(|(index, stage)| {
        let projected = match config.projects {
            false => Sequence::identity(),
            true => {
                let name = format!("{TRANSFORMER}input_projections.{index}");
                let map = conv(weights, &name, [config.features, config.hidden], 1)?;
                Sequence::identity().then(Mapped::new(map))
            }
        };
        let shift = computed(
            embedded
                .narrow(1, index, 1)
                .and_then(|own| own.contiguous()),
        )?;
        Ok(Level {
            slot: Slot::Memory(index as u8),
            size: all[stage],
            layers: projected.then(Shift(shift)),
        })
    });
    let levels: Result<Vec<Level>, CheckpointError> = levels.collect();
    let inputs = config.backbone.stages[0].hidden;
    let name = format!("{PREFIX}adapter_1");
    let adapter = conv(weights, &format!("{name}.0"), [inputs, config.features], 1)?;
    let norm = group_norm(weights, &format!("{name}.1"), NORM_GROUPS, config.features)?;
    Ok(finish.then(SplitLevels::new(levels?)).then(AddLevel {
        level: Level {
            slot: Slot::Level(0),
            size: all[0],
            layers: Sequence::identity().then(Mapped::new(adapter)).then(norm),
        },
        from: all[1],
        channels: config.features,
    }))
}

/// Builds the layers of attention and the last convolution. `first_block` and `first_group` are their places in the chain,
/// and `finish` is what follows the features of masks.
pub(super) fn chain(
    config: &Mask2FormerConfig,
    weights: &Weights,
    units: Units,
    [first_block, first_group]: [usize; 2],
    finish: Sequence,
) -> Result<Chain, CheckpointError> {
    let mut chain = Chain {
        blocks: Vec::new(),
        groups: Vec::new(),
        head_maps: Vec::new(),
    };
    let positions = positions(config, weights)?;
    let layers = config.encoder.layers();
    for layer in 0..layers {
        let name = format!("{PREFIX}encoder.layers.{layer}");
        let heads = config.encoder.heads(layer);
        let maps = maps(&name);
        let group = format!("pixel_decoder.layers.{layer}");
        let block = first_block + chain.blocks.len();
        let first = first_group + chain.groups.len();
        let groups = maps.groups(&group, block, heads, units, first);
        chain.groups.extend(groups);
        chain.head_maps.push(maps.rotated(block, heads));
        let attention = attention(config, weights, &name, layer, &positions)?;
        chain.blocks.push(attention);
        let width = config.encoder.neurons(layer);
        let [first, second] = ["fc1", "fc2"].map(|part| format!("{name}.{part}"));
        let pair = [first.as_str(), second.as_str()];
        chain.groups.push(neurons(&group, block + 1, width, pair));
        let sizes = [config.features, width];
        let feed_forward =
            parts::feed_forward(weights, &name, sizes, Activation::Relu, false, |after| {
                after
            })?;
        chain.blocks.push(feed_forward);
    }
    match chain.blocks.last_mut() {
        Some(last) => {
            let finish = std::mem::take(&mut last.finish);
            last.finish = split(config, weights, finish)?;
        }
        None => {
            return Err(CheckpointError::UnsupportedModel(
                "config.json has encoder_layers 0; at least one layer is required".to_owned(),
            ));
        }
    }
    let block = first_block + chain.blocks.len();
    chain.groups.push(channels(config, block));
    chain
        .blocks
        .push(last_convolution(config, weights, finish)?);
    Ok(chain)
}

/// Returns the positions of all pixels, `[1, positions, features]`.
fn positions(config: &Mask2FormerConfig, weights: &Weights) -> Result<Tensor, CheckpointError> {
    let embedded = learned(
        weights,
        &format!("{PREFIX}level_embed"),
        [LEVELS, config.features],
    )?;
    let of_levels = sizes(config).into_iter().enumerate().map(|(level, size)| {
        let sines = sine::embeddings(size, config.features, weights.device())?.unsqueeze(0)?;
        sines.broadcast_add(&embedded.narrow(1, level, 1)?)
    });
    computed(
        of_levels
            .collect::<candle_core::Result<Vec<Tensor>>>()
            .and_then(|levels| Tensor::cat(&levels, 1)),
    )
}

/// Returns the maps of a layer of attention, with the tensors of which each head has slices.
fn maps(name: &str) -> AttentionMaps {
    let own = format!("{name}.self_attn");
    let slices = |map: &str, span: usize| {
        ["weight", "bias"].map(|part| ParamSlice {
            span,
            ..ParamSlice::single(format!("{own}.{map}.{part}"), 0)
        })
    };
    let points = LEVELS * POINTS;
    AttentionMaps {
        queries: None,
        value: RowMap {
            weight: format!("{own}.value_proj.weight"),
            bias: Some(format!("{own}.value_proj.bias")),
            offset: 0,
        },
        output: format!("{own}.output_proj.weight"),
        of_heads: [
            slices("sampling_offsets", 2 * points),
            slices("attention_weights", points),
        ]
        .concat(),
    }
}

/// Builds the attention of a layer.
fn attention(
    config: &Mask2FormerConfig,
    weights: &Weights,
    name: &str,
    layer: usize,
    positions: &Tensor,
) -> Result<Block, CheckpointError> {
    let (heads, features) = (config.encoder.heads(layer), config.features);
    let map = |part: &str, rows: usize| {
        load::dense(weights, &format!("{name}.self_attn.{part}"), features, rows)
    };
    let points = heads.count * LEVELS * POINTS;
    let attention = DeformableAttention {
        value: map("value_proj", heads.values())?,
        points: [
            map("sampling_offsets", 2 * points)?,
            map("attention_weights", points)?,
        ],
        positions: positions.clone(),
        sizes: sizes(config),
        heads: heads.count,
        count: POINTS,
    };
    let output = format!("{name}.self_attn.output_proj");
    Ok(Block {
        units: Sequence::identity().then(attention),
        projection: load::stored(weights, &output, heads.values(), features)?,
        skip: Some(Sequence::identity()),
        finish: parts::norm(weights, &format!("{name}.self_attn_layer_norm"), features)?,
        feature: None,
    })
}

/// Returns the channels of the last convolution. A unit is a group of its norm, because a norm mixes the channels of a group.
fn channels(config: &Mask2FormerConfig, block: usize) -> UnitGroup {
    let span = config.features / NORM_GROUPS;
    let slice = |tensor: &str, dim: usize| ParamSlice {
        span,
        ..ParamSlice::single(format!("{PREFIX}{tensor}"), dim)
    };
    UnitGroup {
        slices: vec![
            slice("layer_1.0.weight", 0),
            slice("layer_1.1.weight", 0),
            slice("layer_1.1.bias", 0),
            slice("mask_projection.weight", 1),
        ],
        ..UnitGroup::of_columns(
            "pixel_decoder.channels".to_owned(),
            UnitKind::Channel,
            block,
            config.kept_groups,
            span,
        )
    }
}

/// Builds the last convolution, and the map from its channels to the features of masks.
fn last_convolution(
    config: &Mask2FormerConfig,
    weights: &Weights,
    finish: Sequence,
) -> Result<Block, CheckpointError> {
    let width = config.features / NORM_GROUPS * config.kept_groups;
    let map = conv(
        weights,
        &format!("{PREFIX}layer_1.0"),
        [config.features, width],
        3,
    )?;
    let norm = group_norm(
        weights,
        &format!("{PREFIX}layer_1.1"),
        config.kept_groups,
        width,
    )?;
    Ok(Block {
        units: Sequence::identity()
            .then(Mapped::new(map))
            .then(norm)
            .then(Activate::new(Activation::Relu, width)),
        projection: conv(
            weights,
            &format!("{PREFIX}mask_projection"),
            [width, config.mask_features],
            1,
        )?,
        skip: None,
        finish,
        feature: None,
    })
}
