//! The most memory that a run takes at once, counted before it begins.
//!
//! Counted in f32 numbers, and rather too many than too few; what allocators and libraries add is not known
//! here.

use super::lanes::lanes;
use super::prepare::Prepared;
use super::recipe::{Metric, Recipe, TokenWeights};
use super::score::exact::MOST_VARIANTS;
use super::score::{self, STACKED_TOKENS, sketch};
use super::{compensate, timing, verify};

const F32: usize = 4;

/// Numbers that f64 takes, in f32.
const F64: usize = 2;

/// All of it: what the model takes once it is read, and what is worked with.
#[must_use]
pub fn bytes(prepared: &Prepared, recipe: &Recipe) -> u64 {
    let weights = F32 as u64 * prepared.weights.parameters();
    prepared.weights.total_bytes() + weights + working(prepared, recipe)
}

/// Besides the model's weights, as stored and as f32: the largest of what the latency table, scoring, repair
/// and verifying hold.
#[must_use]
pub fn working(prepared: &Prepared, recipe: &Recipe) -> u64 {
    let sizes = Sizes::of(prepared, recipe);
    let numbers = latency_table(recipe, &sizes)
        .max(scoring(prepared, recipe, &sizes))
        .max(repair(prepared, recipe, &sizes))
        .max(verifying(&sizes));
    (F32 * numbers) as u64
}

/// What the counts are made of.
struct Sizes {
    /// The weights as they are stored.
    stored: usize,
    /// The weights as f32.
    weights: usize,
    /// Those of the projections that consume units.
    projections: usize,
    blocks: usize,
    /// Width of what goes from block to block.
    hidden: usize,
    /// Columns of the widest group of units.
    units: usize,
    /// What a way back remembers of a token, all blocks together.
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
            // Activations and slopes, or query, key, value and context; the norms' inputs, outputs and
            // residuals.
            remembered: columns().map(|columns| 4 * columns + 4 * hidden).sum(),
            rows: calibration.rows,
            tokens: calibration.tokens,
            longest: lengths.max().unwrap_or(0),
            scoring_tokens: prepared.tokens(&prepared.scoring_rows(recipe)),
            gram_tokens: calibration.gram_tokens,
        }
    }

    /// A block in flight over so many tokens.
    fn block(&self, tokens: usize) -> usize {
        tokens.max(self.longest) * (3 * self.units + 6 * self.hidden)
    }

    /// A trace, and a stack of probes on its way back.
    fn way_back(&self) -> usize {
        sketch::TRACED_TOKENS.max(self.longest) * self.remembered
            + self.block(STACKED_TOKENS)
            + STACKED_TOKENS * 2 * self.units
    }
}

/// One narrowed model at a time, as tensors, as a file and as f32, and a batch in flight.
fn latency_table(recipe: &Recipe, sizes: &Sizes) -> usize {
    match recipe.target.metric {
        Metric::LatencyMs => {
            2 * sizes.stored + sizes.weights + sizes.block(timing::ROWS * sizes.longest)
        }
        Metric::Flops | Metric::Params => 0,
    }
}

fn scoring(prepared: &Prepared, recipe: &Recipe, sizes: &Sizes) -> usize {
    let features = sizes.blocks / 2 + 1;
    // Inputs of all blocks and features; then, in each lane, a stack in flight and its sampled rows.
    let teacher = sizes.scoring_tokens * sizes.hidden * (sizes.blocks + features + 2);
    let exact = sizes.block(STACKED_TOKENS)
        + MOST_VARIANTS * sizes.gram_tokens * sizes.hidden * (features + 2);
    let sketches = score::sketched(prepared.model.as_ref(), recipe).contains(&true);
    let (lane, probes) = match sketches {
        true => (
            exact.max(sizes.way_back()),
            features * sketch::ROUND * 2 * sketch::MOST_TERMS * sizes.hidden,
        ),
        false => (exact, 0),
    };
    // Between rounds what is left is a model of its own.
    let cut = match recipe.method.rounds {
        1 => 0,
        _ => sizes.stored + sizes.weights + sizes.projections,
    };
    cut + teacher + probes + lanes() * lane
}

/// What both models make of all rows, and what the student makes of them next; one block's problems; its
/// moments, and the system and its factor.
fn repair(prepared: &Prepared, recipe: &Recipe, sizes: &Sizes) -> usize {
    let weighs = prepared.model.differentiable().is_some()
        && recipe.method.token_weights == TokenWeights::Sensitivity;
    let (weights, weighing) = match weighs {
        true => (sizes.tokens * sizes.blocks, lanes() * sizes.way_back()),
        false => (0, 0),
    };
    // The student's projections, and those that are repaired.
    let rows = 3 * sizes.tokens * sizes.hidden + weights + 2 * sizes.projections;
    let judges = compensate::judged(sizes.rows, sizes.tokens) * (sizes.units + sizes.hidden);
    let posed = judges + compensate::AT_ONCE * lanes() * sizes.block(compensate::BATCH_TOKENS);
    let system = 4 * F64 * sizes.units * (sizes.units + sizes.hidden);
    rows + weighing.max(posed + system)
}

/// The cut model as stored and as f32, the projections of the masked one and of the repair, and both models
/// on a batch each lane.
fn verifying(sizes: &Sizes) -> usize {
    let models = sizes.stored + sizes.weights + 2 * sizes.projections;
    models + lanes() * 2 * sizes.block(verify::run::BATCH_TOKENS)
}
