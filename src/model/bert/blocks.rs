//! The blocks of an encoder layer: attention with its heads, then the feed-forward layer with its neurons.

use super::config::BertConfig;
use super::load;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::block::Block;
use crate::model::head_maps::{HeadMaps, RowMap};
use crate::model::layer::self_attention::SelfAttention;
use crate::model::layer::sequence::Sequence;
use crate::model::projection::Projection;
use crate::model::unit::{Channels, InHeads, ParamSlice, Seat, UnitGroup, UnitKind, Units};

/// Builds the attention block of a layer.
pub(super) fn attention(
    config: &BertConfig,
    layer: usize,
    weights: &Weights,
) -> Result<Block, CheckpointError> {
    let name = attention_name(layer);
    let heads = config.heads_of(layer);
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
        projection: Projection::new(
            &output,
            load::linear(weights, &output, heads.values(), config.hidden)?,
        ),
        skip: Some(match selection {
            None => skip,
            Some(selection) => skip.then(selection),
        }),
        finish: norm(config, &name, weights)?,
        feature: None,
    })
}

/// Returns the groups of an attention block: its heads, or the channels of their values and queries. `first` is the index
/// of the first of these groups. Each head has `query` rows of the query and key maps, `value` rows of the value map, and
/// `value` columns of the output.
pub(super) fn attention_groups(
    config: &BertConfig,
    layer: usize,
    units: Units,
    first: usize,
) -> Vec<UnitGroup> {
    let name = attention_name(layer);
    let heads = config.heads_of(layer);
    let rows = |parts: &[&str], span: usize| -> Vec<ParamSlice> {
        let names = parts
            .iter()
            .flat_map(|part| ["weight", "bias"].map(|what| format!("{name}.self.{part}.{what}")));
        names.map(|name| slice(name, 0, span)).collect()
    };
    let columns = |span: usize| slice(format!("{name}.output.dense.weight"), 1, span);
    let group = |kind: UnitKind, names: &str, width: usize| UnitGroup {
        name: format!("encoder.layer.{layer}.{names}"),
        kind,
        seat: Seat {
            block: 2 * layer,
            channels: Channels::Columns,
            first: 0,
            span: 1,
        },
        width,
        heads: None,
        slices: Vec::new(),
    };
    let (count, queries) = (heads.count, rows(&["query", "key"], heads.query));
    match units {
        Units::Heads => {
            let whole = group(UnitKind::Head, "heads", count);
            let values = rows(&["value"], heads.value);
            vec![UnitGroup {
                seat: Seat {
                    span: heads.value,
                    ..whole.seat
                },
                slices: [queries, values, vec![columns(heads.value)]].concat(),
                ..whole
            }]
        }
        Units::Dimensions => {
            let values = group(UnitKind::Value, "values", heads.values());
            let of_queries = group(UnitKind::Query, "queries", heads.queries());
            vec![
                UnitGroup {
                    heads: Some(InHeads {
                        count,
                        values: None,
                    }),
                    slices: [rows(&["value"], 1), vec![columns(1)]].concat(),
                    ..values
                },
                UnitGroup {
                    seat: Seat {
                        channels: Channels::Inner,
                        ..of_queries.seat
                    },
                    heads: Some(InHeads {
                        count,
                        values: Some(first),
                    }),
                    slices: rows(&["query", "key"], 1),
                    ..of_queries
                },
            ]
        }
    }
}

/// Returns the maps of the heads of a layer.
pub(super) fn head_maps(config: &BertConfig, layer: usize) -> HeadMaps {
    let name = attention_name(layer);
    let map = |part: &str| RowMap {
        weight: format!("{name}.self.{part}.weight"),
        bias: Some(format!("{name}.self.{part}.bias")),
        offset: 0,
    };
    HeadMaps {
        block: 2 * layer,
        heads: config.heads_of(layer),
        queries: Some([map("query"), map("key")]),
        values: map("value"),
    }
}

fn attention_name(layer: usize) -> String {
    format!("bert.encoder.layer.{layer}.attention")
}

/// Builds the feed-forward block of a layer and the group of its neurons. Each neuron has a row of the first linear map
/// and a column of the second.
pub(super) fn feed_forward(
    config: &BertConfig,
    layer: usize,
    weights: &Weights,
) -> Result<(Block, UnitGroup), CheckpointError> {
    let name = format!("bert.encoder.layer.{layer}");
    let width = config.neurons[layer];
    let (first, second) = (
        format!("{name}.intermediate.dense"),
        format!("{name}.output.dense"),
    );
    let intermediate = load::dense(weights, &first, config.hidden, width)?;
    let block = Block {
        units: Sequence::identity().then(intermediate.activated(config.activation)),
        projection: Projection::new(
            &second,
            load::linear(weights, &second, width, config.hidden)?,
        ),
        skip: Some(Sequence::identity()),
        finish: norm(config, &name, weights)?,
        // The output of a whole layer is a feature.
        feature: Some(Sequence::identity()),
    };
    let group = UnitGroup {
        name: format!("encoder.layer.{layer}.neurons"),
        kind: UnitKind::Neuron,
        seat: Seat {
            block: 2 * layer + 1,
            channels: Channels::Columns,
            first: 0,
            span: 1,
        },
        width,
        heads: None,
        slices: vec![
            slice(format!("{first}.weight"), 0, 1),
            slice(format!("{first}.bias"), 0, 1),
            slice(format!("{second}.weight"), 1, 1),
        ],
    };
    Ok((block, group))
}

fn norm(config: &BertConfig, name: &str, weights: &Weights) -> Result<Sequence, CheckpointError> {
    let name = format!("{name}.output.LayerNorm");
    let norm = load::layer_norm(weights, &name, config.hidden, config.norm_epsilon)?;
    Ok(Sequence::identity().then(norm))
}

fn slice(tensor: String, dim: usize, span: usize) -> ParamSlice {
    ParamSlice {
        tensor,
        dim,
        offset: 0,
        span,
    }
}
