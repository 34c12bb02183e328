//! BERT with a classifier on top (Devlin et al. 2019).
//!
//! The tensor names are those of Hugging Face's `BertForSequenceClassification`.
//!
//! Each layer is two blocks of the chain: attention with its heads, then the feed-forward layer with
//! its neurons. Layers may have different numbers of both, so a pruned model is the same kind of graph.

mod attention;
mod classifier;
mod config;
mod embeddings;
mod export;
mod feed_forward;
mod load;
mod names;
mod pruned;

use candle_core::{Result, Tensor};

use self::attention::AttentionBlock;
use self::classifier::Classifier;
use self::config::BertConfig;
use self::embeddings::Embeddings;
use self::feed_forward::FeedForwardBlock;
pub use self::names::todays as todays_names;
use super::batch::{Batch, Reads};
use super::chain::PrunableModel;
use super::cost::Cost;
use super::differentiable::Differentiable;
use super::export::Export;
use super::mask::Masks;
use super::nn::layer_norm::LayerNorm;
use super::nn::linear::Linear;
use super::nn::traced::Traced;
use super::unit::{UnitGroup, UnitKind};
use crate::checkpoint::config::{Config, Problem};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// The graph of a BERT with a classifier.
pub struct Bert {
    config: BertConfig,
    source: Config,
    groups: Vec<UnitGroup>,
    embeddings: Embeddings,
    layers: Vec<(AttentionBlock, FeedForwardBlock)>,
    classifier: Classifier,
}

/// A block of the chain.
enum Block<'a> {
    Attention(&'a AttentionBlock),
    FeedForward(&'a FeedForwardBlock),
}

impl Bert {
    /// Builds the graph that the configuration describes from the weights.
    ///
    /// # Errors
    /// Returns an error if the configuration is not supported, or if a tensor is missing, has another shape
    /// or contains values that are not finite.
    pub fn open(source: &Config, weights: &Weights) -> std::result::Result<Self, CheckpointError> {
        let config = BertConfig::read(source, weights)?;
        let mut layers = Vec::new();
        let mut groups = Vec::new();
        for layer in 0..config.layers() {
            let attention = AttentionBlock::load(&config, layer, weights)?;
            let feed_forward = FeedForwardBlock::load(&config, layer, weights)?;
            groups.extend([
                attention::group(&config, layer),
                feed_forward::group(&config, layer),
            ]);
            layers.push((attention, feed_forward));
        }
        Ok(Self {
            embeddings: Embeddings::load(&config, weights)?,
            classifier: Classifier::load(&config, weights)?,
            source: source.clone(),
            config,
            groups,
            layers,
        })
    }

    fn at(&self, block: usize) -> Block<'_> {
        let (attention, feed_forward) = &self.layers[block / 2];
        if block.is_multiple_of(2) {
            Block::Attention(attention)
        } else {
            Block::FeedForward(feed_forward)
        }
    }

    fn norm(&self, block: usize) -> &LayerNorm {
        match self.at(block) {
            Block::Attention(attention) => attention.norm(),
            Block::FeedForward(feed_forward) => feed_forward.norm(),
        }
    }
}

impl PrunableModel for Bert {
    fn groups(&self) -> &[UnitGroup] {
        &self.groups
    }

    fn is_feature(&self, block: usize) -> bool {
        matches!(self.at(block), Block::FeedForward(_))
    }

    fn problem(&self) -> &Problem {
        &self.config.problem
    }

    fn reads(&self) -> Reads {
        Reads {
            positions: self.config.positions,
            vocabulary: self.config.vocabulary,
            segments: self.config.segments,
        }
    }

    fn cost(&self, length: f64) -> Cost {
        let per_unit = self.groups.iter().map(|group| match group.kind {
            UnitKind::Head => attention::macs_per_head(&self.config, length),
            UnitKind::Neuron => feed_forward::macs_per_neuron(&self.config, length),
        });
        Cost::linear(classifier::macs(&self.config), per_unit)
    }

    fn export(&self, masks: &Masks) -> Export {
        export::export(&self.config, &self.source, masks)
    }

    fn stem(&self, batch: &Batch) -> Result<Tensor> {
        self.embeddings.forward(batch)
    }

    fn units(&self, block: usize, hidden: &Tensor) -> Result<Tensor> {
        match self.at(block) {
            Block::Attention(attention) => attention.heads(hidden),
            Block::FeedForward(feed_forward) => feed_forward.neurons(hidden),
        }
    }

    fn projection(&self, block: usize) -> &Linear {
        match self.at(block) {
            Block::Attention(attention) => attention.output(),
            Block::FeedForward(feed_forward) => feed_forward.output(),
        }
    }

    fn residual(&self, _: usize, hidden: &Tensor) -> Result<Tensor> {
        Ok(hidden.clone())
    }

    fn finish(&self, block: usize, sum: &Tensor) -> Result<Tensor> {
        self.norm(block).forward(sum)
    }

    fn close(
        &self,
        block: usize,
        projection: &Linear,
        units: &Tensor,
        hidden: &Tensor,
    ) -> Result<Tensor> {
        self.norm(block).forward_sum(projection, units, hidden)
    }

    fn head(&self, hidden: &Tensor) -> Result<Tensor> {
        self.classifier.forward(hidden)
    }

    fn differentiable(&self) -> Option<&dyn Differentiable> {
        Some(self)
    }
}

impl Differentiable for Bert {
    fn units_traced(&self, block: usize, hidden: &Tensor) -> Result<Traced> {
        match self.at(block) {
            Block::Attention(attention) => attention.heads_traced(hidden),
            Block::FeedForward(feed_forward) => feed_forward.neurons_traced(hidden),
        }
    }

    fn residual_traced(&self, _: usize, hidden: &Tensor) -> Result<Traced> {
        Ok(Traced::identity(hidden))
    }

    fn finish_traced(&self, block: usize, sum: &Tensor) -> Result<Traced> {
        self.norm(block).traced(sum)
    }

    fn head_traced(&self, hidden: &Tensor) -> Result<Traced> {
        self.classifier.traced(hidden)
    }
}
