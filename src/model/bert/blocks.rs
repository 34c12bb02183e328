//! The blocks of an encoder layer: attention with its heads, then the feed-forward layer with its neurons.

use super::config::BertConfig;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::block::Block;
use crate::model::encoder::units::{AttentionMaps, neurons};
use crate::model::head_maps::RowMap;
use crate::model::layer::mapped::Mapped;
use crate::model::layer::self_attention::SelfAttention;
use crate::model::layer::sequence::Sequence;
use crate::model::load;
use crate::model::unit::UnitGroup;

/// Builds the attention block of a layer.
pub(super) fn attention(
    config: &BertConfig,
    layer: usize,
    weights: &Weights,
) -> Result<Block, CheckpointError> {
    let name = attention_name(layer);
    let heads = config.sizes.heads(layer);
    let incoming = |part: &str, width: usize| {
        let name = format!("{name}.self.{part}");
        load::dense(weights, &name, config.hidden, width)
    };
    let incoming = [
        incoming("query", heads.queries())?,
        incoming("key", heads.queries())?,
        incoming("value", heads.values())?,
    ];
    let output = format!("{name}.output.dense");
    let selection = config.selection_of(layer);
    let attention = SelfAttention::new(incoming, heads).at(selection);
    let skip = Sequence::identity();
    Ok(Block {
        units: Sequence::identity().then(attention),
        projection: load::stored(weights, &output, heads.values(), config.hidden)?,
        skip: Some(match selection {
            None => skip,
            Some(selection) => skip.then(selection),
        }),
        finish: norm(config, &name, weights)?,
        feature: None,
    })
}

/// Returns the maps of the attention block of a layer.
pub(super) fn attention_maps(layer: usize) -> AttentionMaps {
    let name = attention_name(layer);
    let map = |part: &str| RowMap {
        weight: format!("{name}.self.{part}.weight"),
        bias: Some(format!("{name}.self.{part}.bias")),
        offset: 0,
    };
    AttentionMaps {
        queries: Some([map("query"), map("key")]),
        value: map("value"),
        output: format!("{name}.output.dense.weight"),
        of_heads: Vec::new(),
    }
}

fn attention_name(layer: usize) -> String {
    format!("bert.encoder.layer.{layer}.attention")
}

/// Returns the name of a layer in the names of its groups.
pub(super) fn layer_name(layer: usize) -> String {
    format!("encoder.layer.{layer}")
}

/// Builds the feed-forward block of a layer and the group of its neurons.
pub(super) fn feed_forward(
    config: &BertConfig,
    layer: usize,
    weights: &Weights,
) -> Result<(Block, UnitGroup), CheckpointError> {
    let name = format!("bert.encoder.layer.{layer}");
    let width = config.sizes.neurons(layer);
    let (first, second) = (
        format!("{name}.intermediate.dense"),
        format!("{name}.output.dense"),
    );
    let intermediate = Mapped::new(load::stored(weights, &first, config.hidden, width)?);
    let block = Block {
        units: Sequence::identity().then(intermediate.activated(config.activation)),
        projection: load::stored(weights, &second, width, config.hidden)?,
        skip: Some(Sequence::identity()),
        finish: norm(config, &name, weights)?,
        // The output of a whole layer is a feature.
        feature: Some(Sequence::identity()),
    };
    let group = neurons(&layer_name(layer), 2 * layer + 1, width, [&first, &second]);
    Ok((block, group))
}

fn norm(config: &BertConfig, name: &str, weights: &Weights) -> Result<Sequence, CheckpointError> {
    let name = format!("{name}.output.LayerNorm");
    load::norm(weights, &name, config.hidden, config.norm_epsilon)
}
