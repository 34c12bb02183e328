//! The blocks of an encoder layer: attention with its heads, then the feed-forward layer with its neurons.

use super::config::BertConfig;
use super::load;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::block::Block;
use crate::model::layer::self_attention::SelfAttention;
use crate::model::layer::sequence::Sequence;
use crate::model::projection::Projection;
use crate::model::unit::{ParamSlice, Seat, UnitGroup, UnitKind};

/// Builds the attention block of a layer and the group of its heads. Each head has `head_dim` rows of query, key and
/// value, and `head_dim` columns of the output.
pub(super) fn attention(
    config: &BertConfig,
    layer: usize,
    weights: &Weights,
) -> Result<(Block, UnitGroup), CheckpointError> {
    let name = format!("bert.encoder.layer.{layer}.attention");
    let width = config.heads[layer] * config.head_dim;
    let incoming = |part: &str| {
        let name = format!("{name}.self.{part}");
        load::dense(weights, &name, config.hidden, width)
    };
    let incoming = [incoming("query")?, incoming("key")?, incoming("value")?];
    let output = format!("{name}.output.dense");
    let block = Block {
        units: Sequence::identity().then(SelfAttention::new(incoming, config.head_dim)),
        projection: Projection::new(
            &output,
            load::linear(weights, &output, width, config.hidden)?,
        ),
        skip: Some(Sequence::identity()),
        finish: norm(config, &name, weights)?,
        feature: None,
    };
    let parts = ["query", "key", "value"].into_iter();
    let mut slices: Vec<_> = parts
        .flat_map(|part| {
            ["weight", "bias"]
                .map(|what| slice(format!("{name}.self.{part}.{what}"), 0, config.head_dim))
        })
        .collect();
    slices.push(slice(format!("{output}.weight"), 1, config.head_dim));
    let group = UnitGroup {
        name: format!("encoder.layer.{layer}.heads"),
        kind: UnitKind::Head,
        seat: Seat {
            block: 2 * layer,
            first: 0,
            span: config.head_dim,
        },
        width: config.heads[layer],
        slices,
    };
    Ok((block, group))
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
            first: 0,
            span: 1,
        },
        width,
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
