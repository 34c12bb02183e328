//! The blocks of a layer: attention with its heads, then the feed-forward layer with its neurons. Each has a norm first.

use super::config::VitConfig;
use super::names::LayerNames;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::block::Block;
use crate::model::layer::mapped::Mapped;
use crate::model::layer::merge::Merge;
use crate::model::layer::self_attention::SelfAttention;
use crate::model::layer::sequence::Sequence;
use crate::model::layer::unmerge::Unmerge;
use crate::model::load;

/// Builds the attention block of a layer.
pub(super) fn attention(
    config: &VitConfig,
    layer: usize,
    names: &LayerNames,
    weights: &Weights,
) -> Result<Block, CheckpointError> {
    let (heads, hidden) = (config.sizes.heads(layer), config.hidden);
    let incoming = |map, rows: usize| {
        let stored = names.stored(heads, rows);
        load::rows(weights, map, hidden, rows, stored)
    };
    let incoming = [
        incoming(&names.query, heads.queries())?,
        incoming(&names.key, heads.queries())?,
        incoming(&names.value, heads.values())?,
    ];
    let selection = config.selection_of(layer);
    let skip = Sequence::identity();
    Ok(Block {
        units: norm(config, &names.norms[0], weights)?
            .then(SelfAttention::new(incoming, heads).at(selection)),
        projection: load::stored(weights, &names.output, heads.values(), hidden)?,
        skip: Some(match selection {
            None => skip,
            Some(selection) => skip.then(selection),
        }),
        finish: match config.merged[layer] {
            0 => Sequence::identity(),
            pairs => Sequence::identity().then(match config.merges_already {
                true => Merge::new(pairs, hidden),
                false => Merge::new(pairs, hidden).planned(),
            }),
        },
        feature: None,
    })
}

/// Builds the feed-forward block of a layer.
pub(super) fn feed_forward(
    config: &VitConfig,
    layer: usize,
    names: &LayerNames,
    weights: &Weights,
) -> Result<Block, CheckpointError> {
    let (width, hidden) = (config.sizes.neurons(layer), config.hidden);
    let first = Mapped::new(load::stored(weights, &names.first, hidden, width)?);
    Ok(Block {
        units: norm(config, &names.norms[1], weights)?.then(first.activated(config.activation)),
        projection: load::stored(weights, &names.second, width, hidden)?,
        skip: Some(Sequence::identity()),
        finish: Sequence::identity(),
        // The output of a whole layer is a feature.
        feature: Some(match config.unmerges(layer) {
            true => Sequence::identity().then(Unmerge::new(config.positions())),
            false => Sequence::identity(),
        }),
    })
}

/// Returns a sequence that begins with a norm.
pub(super) fn norm(
    config: &VitConfig,
    name: &str,
    weights: &Weights,
) -> Result<Sequence, CheckpointError> {
    load::norm(weights, name, config.hidden, config.norm_epsilon)
}
