//! The blocks of an encoder layer: attention with its heads, then the feed-forward layer with its neurons.

use super::config::BertConfig;
use super::family::Family;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::block::Block;
use crate::model::encoder::units::{AttentionMaps, neurons};
use crate::model::head_maps::RowMap;
use crate::model::layer::distance_attention::DistanceAttention;
use crate::model::layer::distance_table::DistanceTable;
use crate::model::layer::mapped::Mapped;
use crate::model::layer::self_attention::SelfAttention;
use crate::model::layer::sequence::Sequence;
use crate::model::load;
use crate::model::unit::UnitGroup;

/// Builds the attention block of a layer.
pub(super) fn attention(
    family: &Family,
    config: &BertConfig,
    layer: usize,
    weights: &Weights,
) -> Result<Block, CheckpointError> {
    let heads = config.sizes.heads(layer);
    let names = &family.layers;
    let incoming = |part: &str, width: usize| {
        let name = family.of_layer(layer, part);
        load::dense(weights, &name, config.hidden, width)
    };
    let incoming = [
        incoming(names.query, heads.queries())?,
        incoming(names.key, heads.queries())?,
        incoming(names.value, heads.values())?,
    ];
    let output = family.of_layer(layer, names.output);
    let selection = config.selection_of(layer);
    let attention = SelfAttention::new(incoming, heads).at(selection);
    let table = match &config.relative {
        Some(relative) => relative.table(family, layer, weights)?,
        None => None,
    };
    let units = Sequence::identity();
    let skip = Sequence::identity();
    Ok(Block {
        units: match table {
            Some(table) => units.then(DistanceAttention::new(attention, DistanceTable::new(table))),
            None => units.then(attention),
        },
        projection: load::stored(weights, &output, heads.values(), config.hidden)?,
        skip: Some(match selection {
            None => skip,
            Some(selection) => skip.then(selection),
        }),
        finish: norm(
            config,
            &family.of_layer(layer, names.attention_norm),
            weights,
        )?,
        feature: None,
    })
}

/// Returns the maps of the attention block of a layer.
pub(super) fn attention_maps(family: &Family, layer: usize) -> AttentionMaps {
    let names = &family.layers;
    let map = |part: &str| {
        let name = family.of_layer(layer, part);
        RowMap {
            weight: format!("{name}.weight"),
            bias: Some(format!("{name}.bias")),
            offset: 0,
        }
    };
    AttentionMaps {
        queries: Some([map(names.query), map(names.key)]),
        value: map(names.value),
        output: format!("{}.weight", family.of_layer(layer, names.output)),
        of_heads: Vec::new(),
    }
}

/// Builds the feed-forward block of a layer and the group of its neurons.
pub(super) fn feed_forward(
    family: &Family,
    config: &BertConfig,
    layer: usize,
    weights: &Weights,
) -> Result<(Block, UnitGroup), CheckpointError> {
    let width = config.sizes.neurons(layer);
    let names = &family.layers;
    let [first, second] = [names.first, names.second].map(|part| family.of_layer(layer, part));
    let finish = family.of_layer(layer, names.feed_forward_norm);
    let intermediate = Mapped::new(load::stored(weights, &first, config.hidden, width)?);
    let block = Block {
        units: Sequence::identity().then(intermediate.activated(config.activation)),
        projection: load::stored(weights, &second, width, config.hidden)?,
        skip: Some(Sequence::identity()),
        finish: norm(config, &finish, weights)?,
        // The output of a whole layer is a feature.
        feature: Some(Sequence::identity()),
    };
    let pair = [first.as_str(), second.as_str()];
    let group = neurons(&family.group(layer), 2 * layer + 1, width, pair);
    Ok((block, group))
}

fn norm(config: &BertConfig, name: &str, weights: &Weights) -> Result<Sequence, CheckpointError> {
    load::norm(weights, name, config.hidden, config.norm_epsilon)
}
