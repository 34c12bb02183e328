//! Estimate of a run's peak memory, made before the run begins.
//!
//! Sizes are counted in f32 numbers and rounded up rather than down. The overhead of allocators and
//! libraries is unknown here and not included.

use super::lanes::lanes;
use super::prepare::Prepared;
use super::recipe::{Compensation, Metric, PositionWeights, Recipe};
use super::score::teacher::{STACKED_POSITIONS, TRAJECTORY_BYTES};
use super::score::{self, sketch};
use super::{compensate, curves, timing, verify};
use crate::model::block::Block;
use crate::model::extent::Extent;
use crate::model::layer::Layer;
use crate::model::nn::linear::Linear;

/// Bytes of an f32.
const F32: usize = 4;

/// Size of an f64, in f32 numbers.
const F64: usize = 2;

/// Returns the peak in bytes: the model's weights, and the working memory.
#[must_use]
pub fn bytes(prepared: &Prepared, recipe: &Recipe) -> u64 {
    let weights = F32 as u64 * prepared.weights.parameters();
    prepared.weights.total_bytes() + weights + working(prepared, recipe)
}

/// Returns the peak of the working memory in bytes, beyond the model's weights as stored and as f32. It is the
/// largest of the peaks of the latency table, scoring, repair and verification.
#[must_use]
pub fn working(prepared: &Prepared, recipe: &Recipe) -> u64 {
    let sizes = Sizes::of(prepared, recipe);
    let numbers = latency_table(recipe, &sizes)
        .max(scoring(prepared, recipe, &sizes))
        .max(repair(prepared, recipe, &sizes))
        .max(verifying(&sizes));
    (F32 * numbers) as u64
}

/// The sizes from which the estimates are computed, in f32 numbers. Numbers per position are those of the longest row,
/// divided by its positions at the input of the first block.
struct Sizes {
    /// The weights as stored.
    stored: usize,
    /// The weights as f32.
    weights: usize,
    /// The weights of the graph that merges no positions, if a job may plan to merge some.
    unmerged: usize,
    /// The weights of the projections that consume units.
    projections: usize,
    blocks: usize,
    features: usize,
    /// Numbers per position of the widest hidden state between blocks.
    hidden: usize,
    /// Numbers per position of the widest activations of units.
    units: usize,
    /// Numbers per position of the columns that the repair of the largest block samples.
    sampled: usize,
    /// Sampled positions of all blocks, per position.
    weighed: f64,
    /// Columns of the widest projection whose weights are fitted.
    columns: usize,
    /// Size of the entries of all blocks.
    entries: usize,
    /// Values of each unit in the widest entry.
    entry_columns: usize,
    /// Values of the largest entry.
    entry_values: usize,
    /// Columns of the widest entry in a tile of the joint fit.
    tile: usize,
    /// Numbers per position that a forward pass through one block writes.
    written: usize,
    /// Numbers per position that a backward pass keeps, over all blocks.
    remembered: usize,
    rows: usize,
    positions: usize,
    longest: usize,
    scoring_rows: usize,
    scoring_positions: usize,
    /// Maximum number of positions in the Gram matrix of a row.
    gram_positions: usize,
}

impl Sizes {
    fn of(prepared: &Prepared, recipe: &Recipe) -> Self {
        let model = &prepared.model;
        let linears = || model.blocks.iter().map(|block| block.projection.linear());
        let most = model.reads.sampled_positions().unwrap_or(usize::MAX) as f64;
        let all = prepared.evaluation.iter().chain([&prepared.calibration]);
        let rows = all.map(|data| data.extent().of_longest());
        let row = rows.max_by_key(Extent::longest).unwrap_or_default();
        let longest = model.stem.extent(&row).longest();
        let entries = || {
            let of_blocks = model.blocks.iter().filter_map(Block::entry);
            of_blocks.map(|entry| entry.map.linear())
        };
        let per_position = |numbers: f64| (numbers / longest.max(1) as f64).ceil() as usize;
        let works = model.work(&row);
        let extents = model.extents(&row);
        let widest = |numbers: &dyn Fn(&Block, &Extent) -> f64| {
            let blocks = model.blocks.iter().zip(&extents);
            let of_blocks = blocks.map(|(block, extent)| numbers(block, extent));
            per_position(of_blocks.fold(0.0, f64::max))
        };
        let summed = |block: &Block, extent: &Extent| block.sum_extent(extent).mean();
        let weighed = model.blocks.iter().zip(&extents);
        let weighed = weighed.map(|(block, extent)| summed(block, extent).min(most));
        let written = works.blocks.iter().map(|work| work.written);
        let remembered: f64 = works.blocks.iter().map(|work| work.remembered).sum();
        let calibration = prepared.calibration_use(recipe);
        let scoring = prepared.scoring_rows(recipe);
        let scoring = model.stem.extent(&prepared.calibration.extent_of(&scoring));
        Self {
            stored: (prepared.weights.total_bytes() as usize).div_ceil(F32),
            weights: prepared.weights.parameters() as usize,
            unmerged: match super::merging::may_plan(model, recipe) {
                true => prepared.weights.parameters() as usize,
                false => 0,
            },
            projections: linears().map(|linear| linear.weight().elem_count()).sum(),
            blocks: model.blocks.len(),
            features: model
                .blocks
                .iter()
                .filter(|block| block.is_feature())
                .count(),
            hidden: widest(&|block, extent| {
                block.projection.linear().outputs() as f64 * summed(block, extent)
            }),
            units: widest(&|block, extent| {
                block.projection.affine.channels() as f64 * block.units.extent(extent).mean()
            }),
            sampled: widest(&|block, extent| {
                block.projection.linear().inputs() as f64 * summed(block, extent).min(most)
            }),
            weighed: weighed.sum::<f64>() / longest.max(1) as f64,
            columns: linears()
                .map(Linear::inputs)
                .filter(|&inputs| inputs <= compensate::moments::MOST_INPUTS)
                .max()
                .unwrap_or(0),
            entries: entries().map(|entry| entry.weight().elem_count()).sum(),
            entry_columns: entries().map(Linear::inputs).max().unwrap_or(0),
            entry_values: entries()
                .map(|entry| entry.weight().elem_count())
                .max()
                .unwrap_or(0),
            tile: {
                let blocks = model.blocks.iter().zip(&extents);
                let tiles = blocks.filter_map(|(block, extent)| {
                    let positions = block.units.extent(extent).longest();
                    let positions = positions.max(compensate::joint::TILE_POSITIONS);
                    Some(positions * block.entry()?.map.linear().inputs())
                });
                tiles.max().unwrap_or(0)
            },
            written: per_position(written.fold(0.0, f64::max)),
            remembered: per_position(remembered + works.head.remembered),
            rows: calibration.rows,
            positions: calibration.positions,
            longest,
            scoring_rows: scoring.rows(),
            scoring_positions: scoring.positions(),
            gram_positions: calibration.gram_positions,
        }
    }

    /// Returns the size of a block's activations for this number of positions: what the block writes, its input, and
    /// the values of the block before it.
    fn block(&self, positions: usize) -> usize {
        let units = self.units.max(self.sampled);
        positions.max(self.longest) * (self.written + units + 3 * self.hidden)
    }

    /// Returns the size of a recorded forward pass and of a stack of probes in its backward pass.
    fn backward(&self) -> usize {
        sketch::TRACED_POSITIONS.max(self.longest) * self.remembered
            + self.block(STACKED_POSITIONS)
            + STACKED_POSITIONS * 2 * self.units
    }
}

/// Peak of the latency table: one pruned model as tensors, as a file and as f32, and the activations of one batch.
fn latency_table(recipe: &Recipe, sizes: &Sizes) -> usize {
    match recipe.target.metric {
        Metric::LatencyMs => {
            2 * sizes.stored + sizes.weights + sizes.block(timing::ROWS * sizes.longest)
        }
        Metric::Flops | Metric::Params => 0,
    }
}

/// Size of the recorded trajectory of the original model.
fn teacher(sizes: &Sizes) -> usize {
    let features = sizes.features + 1;
    // Inputs of the blocks, and the sampled vectors of the features.
    let inputs = sizes.scoring_positions * sizes.hidden * (sizes.blocks + 1);
    let sampled = sizes
        .scoring_positions
        .min(sizes.scoring_rows * sizes.gram_positions);
    inputs.min(TRAJECTORY_BYTES / F32 + sizes.block(STACKED_POSITIONS))
        + sampled * sizes.hidden * features
}

/// Peak of scoring.
fn scoring(prepared: &Prepared, recipe: &Recipe, sizes: &Sizes) -> usize {
    // Each lane holds a stack of variants or of probes, and for one feature its vectors, their changes and their Gram
    // matrices.
    let positions = STACKED_POSITIONS.max(sizes.longest);
    let grams = positions * (6 * sizes.hidden + 2 * sizes.gram_positions);
    let lane = match score::sketched(&prepared.model, recipe).contains(&true) {
        true => sizes.backward(),
        false => sizes.block(STACKED_POSITIONS),
    };
    // With more than one round, the pruned model of the previous round is in memory as well.
    let cut = match recipe.method.rounds {
        1 => 0,
        _ => sizes.stored + sizes.weights + sizes.projections,
    };
    // The moments, the inverse of the Gram matrix, and its factor or the moments of the kept columns take as much as the
    // systems of the repair.
    let measuring = match curves::are_wanted(&prepared.model, recipe) {
        true => repair(prepared, recipe, sizes).max(lanes() * sizes.block(STACKED_POSITIONS)),
        false => 0,
    };
    cut + teacher(sizes) + measuring.max(lanes() * (lane + grams))
}

/// Peak of the repair: the hidden states of all rows in both models and the student's next ones, within their budget; the
/// problems of one block; its moments, and the linear system and its factor.
fn repair(prepared: &Prepared, recipe: &Recipe, sizes: &Sizes) -> usize {
    let method = recipe.method.for_model(&prepared.model.reads);
    let weighs = prepared.model.first_traceable() == 0
        && method.position_weights == PositionWeights::Sensitivity;
    let (weights, weighing) = match weighs {
        true => (
            (sizes.positions as f64 * sizes.weighed) as usize,
            lanes() * sizes.backward(),
        ),
        false => (0, 0),
    };
    // Two copies of the projections: the student's and the repaired ones.
    let kept = (sizes.positions * sizes.hidden).min(compensate::KEPT_BYTES / F32 / 2);
    let rows = 3 * kept + weights + 2 * sizes.projections;
    let judges = compensate::judged(sizes.rows, sizes.positions) * (sizes.sampled + sizes.hidden);
    let posed = judges + compensate::AT_ONCE * lanes() * sizes.block(compensate::BATCH_POSITIONS);
    let system = 4 * F64 * sizes.columns * (sizes.columns + sizes.hidden);
    let (entries, joint) = match method.compensation {
        Compensation::Joint => (2 * sizes.entries, joint(sizes) + system),
        _ => (0, 0),
    };
    sizes.unmerged + rows + entries + weighing.max(posed + system).max(joint)
}

/// Peak of the joint fit of two maps: its inputs and targets; in each lane the activations of a batch and a tile of columns,
/// twice; the Gram matrix, the system and its factor; and the gradients and directions.
fn joint(sizes: &Sizes) -> usize {
    let positions = sizes.positions.min(compensate::JOINT_POSITIONS);
    let examples = (2 * positions * sizes.hidden).min(compensate::JOINT_BYTES / F32);
    let (columns, values) = (sizes.entry_columns, sizes.entry_values);
    let lane = sizes.block(compensate::BATCH_POSITIONS) + 2 * sizes.tile;
    examples + lanes() * lane + F64 * (3 * columns * columns + 6 * values)
}

/// Peak of verification: the pruned model as stored and as f32, the projections of the masked model and of the
/// repair, and in each lane the activations of both models for one batch.
fn verifying(sizes: &Sizes) -> usize {
    let models = sizes.unmerged + sizes.stored + sizes.weights + 2 * sizes.projections;
    models + lanes() * 2 * sizes.block(verify::run::BATCH_POSITIONS)
}
