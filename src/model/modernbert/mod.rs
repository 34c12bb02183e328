//! ModernBERT (Warner et al. 2024): a text encoder with rotary positions, gated neurons, and attention that is local in most
//! layers.
//!
//! Each layer is two blocks of the chain, attention and gated neurons, each with a norm before its units; the first layer has
//! none before its attention. Queries and keys are turned by their positions in pairs of channels, so heads are rotated and
//! narrowed only in their values. A head keeps all of its queries, or is removed.

mod blocks;
mod config;
mod embeddings;
mod export;
mod head;
mod names;
mod positions;

use self::config::{ModernBertConfig, OF_TEXTS, OF_TOKENS};
use self::embeddings::Embeddings;
use self::names::LayerNames;
use super::batch::{Reads, TextLimits};
use super::chain::Model;
use super::unit::Units;
use crate::checkpoint::config::{Config, SENTENCE_TRANSFORMER};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Names of the classes that write supported checkpoints.
pub const CLASSES: &[&str] = &[OF_TEXTS, OF_TOKENS, SENTENCE_TRANSFORMER];

/// Builds the graph that the configuration describes from the weights.
///
/// # Errors
/// Returns an error if the configuration is not supported, or if a tensor is missing, has another shape or contains values
/// that are not finite.
pub fn open(source: &Config, weights: &Weights, units: Units) -> Result<Model, CheckpointError> {
    let config = ModernBertConfig::read(source)?;
    let (mut blocks, mut groups, mut head_maps) = (Vec::new(), Vec::new(), Vec::new());
    for layer in 0..config.sizes.layers() {
        let names = LayerNames::of(layer, &config);
        let heads = config.sizes.heads(layer);
        let place = blocks.len();
        let maps = names.attention_maps(heads);
        groups.extend(maps.groups(&names.group, place, heads, units, groups.len()));
        head_maps.push(maps.rotated(place, heads));
        blocks.push(blocks::attention(&config, layer, &names, weights)?);
        groups.push(names.neurons(place + 1, config.sizes.neurons(layer)));
        blocks.push(blocks::feed_forward(&config, layer, &names, weights)?);
    }
    let source = source.clone();
    Ok(Model {
        reads: Reads::Text(TextLimits {
            positions: config.longest(),
            vocabulary: config.vocabulary,
            segments: 0,
        }),
        stem: Box::new(Embeddings::load(&config, weights)?),
        head: head::head(&config, weights)?,
        blocks,
        groups,
        head_maps,
        parts: None,
        merging: None,
        export: Box::new(move |masks| export::export(&config, &source, units, masks)),
    })
}

/// Renames the tensors of a body that was saved alone to the names that they have beside a head.
///
/// # Errors
/// Returns an error if a tensor exists under both names.
pub fn names_of_classes(weights: Weights) -> Result<Weights, CheckpointError> {
    names::of_classes(weights)
}
