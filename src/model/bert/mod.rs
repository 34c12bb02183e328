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
mod load;
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
    let (mut blocks, mut groups) = (Vec::new(), Vec::new());
    for layer in 0..config.layers() {
        blocks.push(blocks::attention(&config, layer, weights)?);
        groups.extend(blocks::attention_groups(
            &config,
            layer,
            units,
            groups.len(),
        ));
        let (block, group) = blocks::feed_forward(&config, layer, weights)?;
        blocks.push(block);
        groups.push(group);
    }
    let head_maps = (0..config.layers()).map(|layer| blocks::head_maps(&config, layer));
    let head_maps = head_maps.collect();
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
        export: Box::new(move |masks| export::export(&config, &source, units, masks)),
    })
}
