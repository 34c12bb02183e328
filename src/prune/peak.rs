//! Estimate of a run's peak memory, made before the run begins.
//!
//! Sizes are counted in f32 numbers and rounded up rather than down. The overhead of allocators and
//! libraries is unknown here and not included.

use super::lanes::lanes;
use super::prepare::Prepared;
use super::recipe::{Metric, Recipe, TokenWeights};
use super::score::exact::MAX_VARIANTS;
use super::score::teacher::STACKED_TOKENS;
use super::score::{self, sketch};
use super::{compensate, timing, verify};

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

/// The sizes from which the estimates are computed.
struct Sizes {
    /// The weights as stored, in f32 numbers.
    stored: usize,
    /// The weights as f32.
    weights: usize,
    /// The weights of the projections that consume units.
    projections: usize,
    blocks: usize,
    /// Width of the hidden state between blocks.
    hidden: usize,
    /// Columns of the widest group of units.
    units: usize,
    /// Numbers that a backward pass keeps for each token, over all blocks.
    remembered: usize,
    rows: usize,
    tokens: usize,
    longest: usize,
    scoring_tokens: usize,
    gram_tokens: usize,
}

impl Sizes {
    fn of(prepared: &Prepared, recipe: &Recipe) -> Self {
        let groups = prepared.model.groups();
        let projections = || (0..groups.len()).map(|block| prepared.model.projection(block));
        let hidden = projections().map(|projection| projection.bias().elem_count());
        let hidden = hidden.max().unwrap_or(0);
        let columns = || groups.iter().map(|group| group.width * group.span);
        let calibration = prepared.calibration_use(recipe);
        let all = prepared.evaluation.iter().chain([&prepared.calibration]);
        let lengths = all.flat_map(|data| data.examples.iter().map(|example| example.ids.len()));
        Self {
            stored: (prepared.weights.total_bytes() as usize).div_ceil(F32),
            weights: prepared.weights.parameters() as usize,
            projections: projections()
                .map(|projection| projection.weight().elem_count())
                .sum(),
            blocks: groups.len(),
            hidden,
            units: columns().max().unwrap_or(0),
            // Either activations and their derivatives, or query, key, value and context; plus the norms'
            // inputs, outputs and residuals.
            remembered: columns().map(|columns| 4 * columns + 4 * hidden).sum(),
            rows: calibration.rows,
            tokens: calibration.tokens,
            longest: lengths.max().unwrap_or(0),
            scoring_tokens: prepared.tokens(&prepared.scoring_rows(recipe)),
            gram_tokens: calibration.gram_tokens,
        }
    }

    /// Returns the size of a block's activations for this number of tokens.
    fn block(&self, tokens: usize) -> usize {
        tokens.max(self.longest) * (3 * self.units + 6 * self.hidden)
    }

    /// Returns the size of a recorded forward pass and of a stack of probes in its backward pass.
    fn backward(&self) -> usize {
        sketch::TRACED_TOKENS.max(self.longest) * self.remembered
            + self.block(STACKED_TOKENS)
            + STACKED_TOKENS * 2 * self.units
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

/// Peak of scoring.
fn scoring(prepared: &Prepared, recipe: &Recipe, sizes: &Sizes) -> usize {
    let features = sizes.blocks / 2 + 1;
    // Inputs and features of all blocks. Each lane also holds a stack of variants and their sampled rows.
    let teacher = sizes.scoring_tokens * sizes.hidden * (sizes.blocks + features + 2);
    let exact = sizes.block(STACKED_TOKENS)
        + MAX_VARIANTS * sizes.gram_tokens * sizes.hidden * (features + 2);
    let sketches = score::sketched(prepared.model.as_ref(), recipe).contains(&true);
    let (lane, probes) = match sketches {
        true => (
            exact.max(sizes.backward()),
            features * sketch::ROUND * 2 * sketch::MAX_TERMS * sizes.hidden,
        ),
        false => (exact, 0),
    };
    // With more than one round, the pruned model of the previous round is in memory as well.
    let cut = match recipe.method.rounds {
        1 => 0,
        _ => sizes.stored + sizes.weights + sizes.projections,
    };
    cut + teacher + probes + lanes() * lane
}

/// Peak of the repair: the hidden states of all rows in both models and the student's next ones; the problems of
/// one block; its moments, and the linear system and its factor.
fn repair(prepared: &Prepared, recipe: &Recipe, sizes: &Sizes) -> usize {
    let weighs = prepared.model.differentiable().is_some()
        && recipe.method.token_weights == TokenWeights::Sensitivity;
    let (weights, weighing) = match weighs {
        true => (sizes.tokens * sizes.blocks, lanes() * sizes.backward()),
        false => (0, 0),
    };
    // Two copies of the projections: the student's and the repaired ones.
    let rows = 3 * sizes.tokens * sizes.hidden + weights + 2 * sizes.projections;
    let judges = compensate::judged(sizes.rows, sizes.tokens) * (sizes.units + sizes.hidden);
    let posed = judges + compensate::AT_ONCE * lanes() * sizes.block(compensate::BATCH_TOKENS);
    let system = 4 * F64 * sizes.units * (sizes.units + sizes.hidden);
    rows + weighing.max(posed + system)
}

/// Peak of verification: the pruned model as stored and as f32, the projections of the masked model and of the
/// repair, and in each lane the activations of both models for one batch.
fn verifying(sizes: &Sizes) -> usize {
    let models = sizes.stored + sizes.weights + 2 * sizes.projections;
    models + lanes() * 2 * sizes.block(verify::run::BATCH_TOKENS)
}
