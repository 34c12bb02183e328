//! BERT with a classifier on top (Devlin et al. 2019).
//!
//! The tensor names are those of Hugging Face's `BertForSequenceClassification` and `BertForTokenClassification`.
//!
//! Each layer is two blocks of the chain: attention with its heads, then the feed-forward layer with
//! its neurons. Layers may have different numbers of both, so a pruned model is the same kind of graph.

mod blocks;
mod class;
mod config;
mod embeddings;
mod export;
mod head;
mod names;
mod pruned;

pub use self::class::CLASSES;
use self::config::BertConfig;
use self::embeddings::Embeddings;
pub use self::names::todays as todays_names;
use super::batch::{Reads, TextLimits};
use super::chain::Model;
use super::unit::Units;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Builds the graph that the configuration describes from the weights.
///
/// # Errors
/// Returns an error if the configuration is not supported, or if a tensor is missing, has another shape
/// or contains values that are not finite.
pub fn open(source: &Config, weights: &Weights, units: Units) -> Result<Model, CheckpointError> {
    let config = BertConfig::read(source, weights)?;
    let (mut blocks, mut groups, mut head_maps) = (Vec::new(), Vec::new(), Vec::new());
    for layer in 0..config.layers() {
        let (maps, heads) = (blocks::attention_maps(layer), config.sizes.heads(layer));
        let (name, place) = (blocks::layer_name(layer), blocks.len());
        groups.extend(maps.groups(&name, place, heads, units, groups.len()));
        head_maps.push(maps.rotated(place, heads));
        blocks.push(blocks::attention(&config, layer, weights)?);
        let (block, group) = blocks::feed_forward(&config, layer, weights)?;
        blocks.push(block);
        groups.push(group);
    }
    let source = source.clone();
    Ok(Model {
        reads: Reads::Text(TextLimits {
            positions: config.positions,
            vocabulary: config.vocabulary,
            segments: config.segments,
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
