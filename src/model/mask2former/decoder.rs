//! The decoder of queries: attention to a map under a mask, attention among queries, and a feed-forward layer.

use std::sync::Arc;

use super::config::{LEVELS, Mask2FormerConfig};
use super::parts::{self, Chain, around, computed, learned, norm};
use super::pixel_decoder;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::block::Block;
use crate::model::encoder::units::{AttentionMaps, neurons};
use crate::model::head_maps::RowMap;
use crate::model::hidden::Slot;
use crate::model::layer::dense::Dense;
use crate::model::layer::mask_prediction::{MaskPrediction, Masks};
use crate::model::layer::positioned_attention::{PositionedAttention, Source};
use crate::model::layer::queries::StartQueries;
use crate::model::layer::semantic_map::SemanticMap;
use crate::model::layer::sequence::Sequence;
use crate::model::load;
use crate::model::nn::activation::Activation;
use crate::model::nn::attention::Heads;
use crate::model::nn::sine;
use crate::model::unit::Units;

/// Start of the names.
const PREFIX: &str = "model.transformer_module.";

/// Returns the layers that start the stream of queries, with the mask for the first layer.
pub(super) fn start(
    config: &Mask2FormerConfig,
    weights: &Weights,
    masks: &Arc<Masks>,
) -> Result<Sequence, CheckpointError> {
    let queries = format!("{PREFIX}queries_features.weight");
    let queries = learned(weights, &queries, [config.queries, config.hidden])?;
    Ok(Sequence::identity()
        .then(StartQueries::new(queries))
        .then(prediction(config, masks, 0)))
}

/// Returns the layer that predicts the mask for a layer.
fn prediction(config: &Mask2FormerConfig, masks: &Arc<Masks>, layer: usize) -> MaskPrediction {
    let read = pixel_decoder::sizes(config)[layer % LEVELS];
    MaskPrediction::new(masks.clone(), read)
}

/// Returns the network that predicts masks. The head and all layers share it.
pub(super) fn masks(
    config: &Mask2FormerConfig,
    weights: &Weights,
) -> Result<Arc<Masks>, CheckpointError> {
    let mut embedding = norm(
        weights,
        &format!("{PREFIX}decoder.layernorm"),
        config.hidden,
    )?;
    let widths = [config.hidden, config.hidden, config.mask_features];
    for (index, width) in widths.into_iter().enumerate() {
        let name = format!("{PREFIX}decoder.mask_predictor.mask_embedder.{index}.0");
        let map = load::dense(weights, &name, config.hidden, width)?;
        embedding = embedding.then(match index + 1 < widths.len() {
            true => map.activated(Activation::Relu),
            false => map,
        });
    }
    Ok(Arc::new(Masks {
        embedding,
        channels: config.mask_features,
        size: config.sizes()[0],
    }))
}

/// Builds the head: the score of each class at each pixel.
pub(super) fn head(
    config: &Mask2FormerConfig,
    weights: &Weights,
    masks: Arc<Masks>,
) -> Result<SemanticMap, CheckpointError> {
    let count = config.labels.len();
    let classes = load::dense(weights, "class_predictor", config.hidden, count + 1)?;
    let norm = norm(
        weights,
        &format!("{PREFIX}decoder.layernorm"),
        config.hidden,
    )?;
    Ok(SemanticMap::new(norm.then(classes), masks, count))
}

/// Builds the layers. `first_block` and `first_group` are their places in the chain.
pub(super) fn chain(
    config: &Mask2FormerConfig,
    weights: &Weights,
    masks: &Arc<Masks>,
    units: Units,
    [first_block, first_group]: [usize; 2],
) -> Result<Chain, CheckpointError> {
    let mut chain = Chain {
        blocks: Vec::new(),
        groups: Vec::new(),
        head_maps: Vec::new(),
    };
    let positions = format!("{PREFIX}queries_embedder.weight");
    let positions = learned(weights, &positions, [config.queries, config.hidden])?;
    let layers = config.cross.layers();
    for layer in 0..layers {
        let name = format!("{PREFIX}decoder.layers.{layer}");
        let group = format!("decoder.layers.{layer}");
        for kind in [Kind::Cross, Kind::Own] {
            let heads = kind.heads(config, layer);
            let maps = kind.maps(&name, heads);
            let block = first_block + chain.blocks.len();
            let first = first_group + chain.groups.len();
            let named = format!("{group}.{}", kind.name());
            let groups = maps.groups(&named, block, heads, units, first);
            chain.groups.extend(groups);
            let incoming = kind.incoming(config, weights, &maps, heads)?;
            chain.head_maps.push(maps.rotated(block, heads));
            let attention = PositionedAttention::new(incoming, heads, positions.clone());
            let attention = match kind {
                Kind::Own => attention,
                Kind::Cross => attention.reading(source(config, weights, layer)?),
            };
            let norm = format!("{name}.{}_layer_norm", kind.name());
            let [before, after] = around(weights, &norm, config.hidden, config.pre_norm)?;
            let output = format!("{name}.{}.out_proj", kind.name());
            chain.blocks.push(Block {
                units: before.then(attention),
                projection: load::stored(weights, &output, heads.values(), config.hidden)?,
                skip: Some(Sequence::identity()),
                finish: after,
                feature: None,
            });
        }
        let block = first_block + chain.blocks.len();
        let width = config.cross.neurons(layer);
        let [first, second] = ["fc1", "fc2"].map(|part| format!("{name}.{part}"));
        let pair = [first.as_str(), second.as_str()];
        chain.groups.push(neurons(&group, block, width, pair));
        let next = (layer + 1 < layers).then(|| prediction(config, masks, layer + 1));
        chain.blocks.push(parts::feed_forward(
            weights,
            &name,
            [config.hidden, width],
            config.activation,
            config.pre_norm,
            |after| match next {
                Some(next) => after.then(next),
                None => after,
            },
        )?);
    }
    Ok(chain)
}

/// Returns the map that the queries of a layer read.
fn source(
    config: &Mask2FormerConfig,
    weights: &Weights,
    layer: usize,
) -> Result<Source, CheckpointError> {
    let level = layer % LEVELS;
    let size = pixel_decoder::sizes(config)[level];
    let positions = sine::embeddings(size, config.hidden, weights.device());
    Ok(Source {
        slot: Slot::Memory(level as u8),
        positions: computed(positions.and_then(|positions| positions.unsqueeze(0)))?,
    })
}

/// The two attentions of a layer.
#[derive(Clone, Copy)]
enum Kind {
    /// Queries read a map. One fused map computes queries, keys and values.
    Cross,
    /// Queries read each other.
    Own,
}

impl Kind {
    /// Returns the name in a checkpoint.
    fn name(self) -> &'static str {
        match self {
            Self::Cross => "cross_attn",
            Self::Own => "self_attn",
        }
    }

    fn heads(self, config: &Mask2FormerConfig, layer: usize) -> Heads {
        match self {
            Self::Cross => config.cross.heads(layer),
            Self::Own => config.own.heads(layer),
        }
    }

    /// Returns the maps of a layer.
    fn maps(self, layer: &str, heads: Heads) -> AttentionMaps {
        let name = format!("{layer}.{}", self.name());
        let [query, key, value] = match self {
            Self::Cross => [0, heads.queries(), 2 * heads.queries()].map(|offset| RowMap {
                weight: format!("{name}.in_proj_weight"),
                bias: Some(format!("{name}.in_proj_bias")),
                offset,
            }),
            Self::Own => ["q_proj", "k_proj", "v_proj"].map(|part| RowMap {
                weight: format!("{name}.{part}.weight"),
                bias: Some(format!("{name}.{part}.bias")),
                offset: 0,
            }),
        };
        AttentionMaps {
            queries: Some([query, key]),
            value,
            output: format!("{name}.out_proj.weight"),
            of_heads: Vec::new(),
        }
    }

    /// Loads the maps to query, key and value.
    fn incoming(
        self,
        config: &Mask2FormerConfig,
        weights: &Weights,
        maps: &AttentionMaps,
        heads: Heads,
    ) -> Result<[Dense; 3], CheckpointError> {
        let rows = |map: &RowMap, rows: usize| {
            let stored = match self {
                Self::Cross => 2 * heads.queries() + heads.values(),
                Self::Own => rows,
            };
            load::rows(weights, map, config.hidden, rows, stored)
        };
        let Some([query, key]) = &maps.queries else {
            return Err(CheckpointError::Invalid(
                "an attention of queries has no queries".to_owned(),
            ));
        };
        Ok([
            rows(query, heads.queries())?,
            rows(key, heads.queries())?,
            rows(&maps.value, heads.values())?,
        ])
    }
}
