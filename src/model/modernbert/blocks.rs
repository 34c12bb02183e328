//! The blocks of a layer: attention with its heads, then the gated neurons. Each has a norm first.

use super::config::ModernBertConfig;
use super::names::LayerNames;
use super::positions::Kind;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::block::Block;
use crate::model::layer::distance_attention::DistanceAttention;
use crate::model::layer::gated::Gated;
use crate::model::layer::reach::Reach;
use crate::model::layer::self_attention::SelfAttention;
use crate::model::layer::sequence::Sequence;
use crate::model::load;
use crate::model::nn::rotary::Rotary;
use crate::model::stored_map::StoredMap;

/// Builds the attention block of a layer.
pub(super) fn attention(
    config: &ModernBertConfig,
    layer: usize,
    names: &LayerNames,
    weights: &Weights,
) -> Result<Block, CheckpointError> {
    let (heads, hidden) = (config.sizes.heads(layer), config.hidden);
    let stored = 2 * heads.queries() + heads.values();
    let [query, key, value] = names.incoming(heads);
    let incoming = [
        load::rows(weights, &query, hidden, heads.queries(), stored)?,
        load::rows(weights, &key, hidden, heads.queries(), stored)?,
        load::rows(weights, &value, hidden, heads.values(), stored)?,
    ];
    let kind = config.positions.kinds[layer];
    let rotary = Rotary::new(config.head_dim, config.positions.base(kind));
    let selection = config.selection_of(layer);
    let attention = SelfAttention::new(incoming, heads)
        .turned(rotary)
        .at(selection);
    let norm = match &names.attention_norm {
        Some(name) => config.norm(name, weights)?,
        None => Sequence::identity(),
    };
    let skip = Sequence::identity();
    Ok(Block {
        units: match kind {
            Kind::Global => norm.then(attention),
            Kind::Local => {
                let reach = Reach::new(config.positions.reach, weights.device());
                norm.then(DistanceAttention::new(attention, reach))
            }
        },
        projection: projection(
            weights,
            &names.output,
            [heads.values(), hidden],
            config.has_bias.attention,
        )?,
        skip: Some(match selection {
            None => skip,
            Some(selection) => skip.then(selection),
        }),
        finish: Sequence::identity(),
        feature: None,
    })
}

/// Builds the feed-forward block of a layer.
pub(super) fn feed_forward(
    config: &ModernBertConfig,
    layer: usize,
    names: &LayerNames,
    weights: &Weights,
) -> Result<Block, CheckpointError> {
    let (width, hidden) = (config.sizes.neurons(layer), config.hidden);
    let [activated, plain] = names.to_neurons(width);
    let activated = load::rows(weights, &activated, hidden, width, 2 * width)?;
    let plain = load::rows(weights, &plain, hidden, width, 2 * width)?;
    let gated = Gated::new(activated.activated(config.activation), plain);
    Ok(Block {
        units: config.norm(&names.feed_forward_norm, weights)?.then(gated),
        projection: projection(
            weights,
            &names.from_neurons,
            [width, hidden],
            config.has_bias.feed_forward,
        )?,
        skip: Some(Sequence::identity()),
        finish: Sequence::identity(),
        // The output of a whole layer is a feature.
        feature: Some(Sequence::identity()),
    })
}

fn projection(
    weights: &Weights,
    name: &str,
    sizes: [usize; 2],
    has_bias: bool,
) -> Result<StoredMap, CheckpointError> {
    let linear = load::linear_with(weights, name, sizes, has_bias)?;
    Ok(StoredMap::new(name, linear))
}
