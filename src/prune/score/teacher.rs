//! The trajectory of the unpruned model on the scoring rows.
//!
//! It holds the inputs of blocks (so that a run without a unit starts at the unit's own block), the sampled rows of
//! every feature, and the answers. If the inputs of all blocks exceed a budget, only those of every second block are
//! kept, then of every fourth, and so on. The others are computed again from the nearest kept block.

use std::sync::Arc;

use candle_core::{Result, Tensor};

use super::super::answers::Answers;
use super::super::failure::Failure;
use super::super::prepare::Prepared;
use super::super::recipe::Recipe;
use super::manifold::normalise;
use super::sample::{self, Sample};
use super::scored::Scored;
use crate::answer::task::{Divergence, Outputs};
use crate::model::batch::Batch;
use crate::model::chain::Model;
use crate::model::hidden::Hidden;
use crate::model::layer::Layer;
use crate::model::mask::Masks;

/// Maximum number of positions (rows times positions) in one forward pass, over all masked variants together.
pub const STACKED_POSITIONS: usize = 2_048;

/// Maximum size of the kept inputs of blocks, in bytes.
pub const TRAJECTORY_BYTES: usize = 1 << 30;

/// The recorded trajectory of the unpruned model.
pub struct Teacher<'a> {
    /// The model.
    pub model: &'a Model,
    /// What the answer term compares.
    pub scored: Scored<'a>,
    /// The divergence among all answers, if the answers of examples do not count by themselves.
    among: Option<Arc<dyn Divergence>>,
    /// The scoring rows.
    pub batches: Vec<Batch>,
    /// Kept inputs, `[batch][block / stride]`.
    inputs: Vec<Vec<Hidden>>,
    /// Distance between two blocks whose inputs are kept.
    stride: usize,
    /// The feature of each block. `None` for a block whose output is not a feature.
    pub features: Vec<Option<Feature>>,
    /// Answers to each batch.
    pub answers: Vec<Answers>,
}

/// Sampled positions of a feature, one entry per batch.
pub struct Feature {
    /// The sampled positions.
    pub samples: Vec<Sample>,
    /// The vectors at these positions, normalized, `[rows, each, channels]`.
    pub vectors: Vec<Tensor>,
}

impl<'a> Teacher<'a> {
    /// Runs the unpruned model once over the scoring rows.
    ///
    /// # Errors
    /// Returns [`Internal`](crate::prune::failure::Code::Internal) if the graph fails.
    pub fn run(prepared: &'a Prepared, recipe: &Recipe) -> std::result::Result<Self, Failure> {
        let batches = prepared
            .calibration
            .batches_of(&prepared.scoring_rows(recipe), STACKED_POSITIONS)
            .load_all()?;
        Self::follow(
            &prepared.model,
            prepared.scored(),
            batches,
            recipe.method.gram_positions,
            recipe.calibration.seed,
            TRAJECTORY_BYTES,
        )
    }

    /// Runs the unpruned model once over these batches and keeps at most `budget` bytes of block inputs, but at least
    /// the inputs of the first block.
    ///
    /// # Errors
    /// Returns [`Internal`](crate::prune::failure::Code::Internal) if the graph fails.
    pub fn follow(
        model: &'a Model,
        scored: Scored<'a>,
        batches: Vec<Batch>,
        gram_positions: usize,
        seed: u64,
        budget: usize,
    ) -> std::result::Result<Self, Failure> {
        let mut features = samples(model, &batches, gram_positions, seed);
        let full = Masks::full(&model.groups);
        let mut inputs: Vec<Vec<Hidden>> = Vec::new();
        let mut answers = Vec::new();
        let (mut stride, mut bytes) = (1, 0);
        for (index, batch) in batches.iter().enumerate() {
            inputs.push(Vec::new());
            let mut hidden = model.start(batch)?;
            for (at, block) in model.blocks.iter().enumerate() {
                let next = model.block(at, &hidden, &full)?;
                if let (Some(layers), Some(feature)) = (&block.feature, &mut features[at]) {
                    let whole = layers.forward(&next)?.stream;
                    let sampled = feature.samples[index].select(&whole)?;
                    feature.vectors.push(normalise(&sampled)?);
                }
                if at % stride == 0 {
                    bytes += hidden.bytes();
                    inputs[index].push(hidden);
                }
                hidden = next;
                while bytes > budget && stride < model.blocks.len() {
                    stride *= 2;
                    inputs.iter_mut().for_each(every_second);
                    bytes = inputs.iter().flatten().map(Hidden::bytes).sum();
                }
            }
            answers.push(Answers::of(&scored.head.forward(&hidden)?)?);
        }
        let all: Vec<Outputs<'_>> = answers.iter().flat_map(Answers::rows).collect();
        Ok(Self {
            among: scored.answer.among(&all),
            features,
            model,
            scored,
            batches,
            inputs,
            stride,
            answers,
        })
    }

    /// Returns the divergence of the answer term.
    #[must_use]
    pub fn divergence(&self) -> &dyn Divergence {
        self.among.as_deref().unwrap_or(self.scored.answer)
    }

    /// Returns the input of a block for one batch.
    ///
    /// # Errors
    /// Returns an error if the graph fails.
    pub fn input(&self, block: usize, batch: usize) -> Result<Hidden> {
        let kept = block / self.stride;
        let start = self.inputs[batch][kept].clone();
        let full = Masks::full(&self.model.groups);
        (kept * self.stride..block).try_fold(start, |hidden, earlier| {
            self.model.block(earlier, &hidden, &full)
        })
    }

    /// Returns the number of scoring rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batches.iter().map(Batch::len).sum()
    }

    /// Returns the size of the kept inputs in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.inputs.iter().flatten().map(Hidden::bytes).sum()
    }

    /// Returns the number of features after a block, including that of its own layer.
    #[must_use]
    pub fn features_after(&self, block: usize) -> usize {
        self.features[block..].iter().flatten().count()
    }
}

/// Removes every second element, beginning with the second.
fn every_second(inputs: &mut Vec<Hidden>) {
    let mut index = 0;
    inputs.retain(|_| {
        index += 1;
        index % 2 == 1
    });
}

/// Samples the positions of every feature.
fn samples(model: &Model, batches: &[Batch], wanted: usize, seed: u64) -> Vec<Option<Feature>> {
    let extents: Vec<_> = batches
        .iter()
        .map(|batch| model.extents(&batch.extent()))
        .collect();
    let blocks = model.blocks.iter().enumerate();
    let features = blocks.map(|(at, block)| {
        let feature = block.feature.as_ref()?;
        let lengths = extents
            .iter()
            .map(|extents| feature.extent(&extents[at + 1]).longest());
        let sizes = batches.iter().map(Batch::len).zip(lengths);
        let sizes: Vec<(usize, usize)> = sizes.collect();
        Some(Feature {
            samples: sample::draw(&sizes, wanted, seed),
            vectors: Vec::with_capacity(batches.len()),
        })
    });
    features.collect()
}
