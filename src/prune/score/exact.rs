//! Exact scores: each unit is removed in turn, and the rest of the model runs again.
//!
//! Repeated work is avoided:
//!
//! - A run starts at the unit's own block, whose input is cached.
//! - Removing unit `j` subtracts `units_j W_j` from the block's sum, so the block itself runs once per stack.
//! - Many variants are stacked as the rows of one batch. Rows are never padded.
//!
//! The stacks of all blocks are distributed over the lanes together, because one block alone has too
//! few stacks for all cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{Result, Tensor};

use super::super::failure::Failure;
use super::super::lanes;
use super::divergence::divergence;
use super::manifold::{gram_change, normalise};
use super::scores::UnitScores;
use super::teacher::{STACKED_TOKENS, Teacher, sampled_rows};
use crate::model::mask::Masks;
use crate::model::nn::meter;

/// Maximum number of variants in one stack. It bounds the memory of the sampled features in a lane.
pub const MAX_VARIANTS: usize = 32;

/// Units of one block to score.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The block.
    pub block: usize,
    /// Its units.
    pub units: Vec<usize>,
}

/// The values of a block from which all removals start, for one batch.
struct Start {
    /// Activations, `[rows * length, width * span]`.
    units: Tensor,
    /// Projection plus residual, `[rows, length, hidden]`.
    sum: Tensor,
}

/// Scores of one unit: a manifold term for each later feature, and the logits term.
type Score = (Vec<f64>, f64);

/// Scores the wanted units and returns one entry for each entry of `wanted`.
///
/// `progress` receives the number of scored units and may stop the work. `finished` receives the scores of
/// each block as soon as they are complete, with the block's index in `wanted`.
///
/// # Errors
/// Returns the failure of `progress` or `finished`, or [`Internal`](crate::prune::failure::Code::Internal) if the
/// graph fails.
pub fn score(
    teacher: &Teacher<'_>,
    temperature: f64,
    wanted: &[Wanted],
    progress: &(dyn Fn(u64) -> std::result::Result<(), Failure> + Sync),
    finished: &(dyn Fn(usize, &UnitScores) -> std::result::Result<(), Failure> + Sync),
) -> std::result::Result<Vec<UnitScores>, Failure> {
    let most = variants_at_once(teacher);
    let stacks: Vec<Vec<&[usize]>> = wanted
        .iter()
        .map(|wanted| evenly(&wanted.units, most).collect())
        .collect();
    let of_all = stacks.iter().enumerate();
    let places: Vec<(usize, usize)> = of_all
        .flat_map(|(place, stacks)| (0..stacks.len()).map(move |stack| (place, stack)))
        .collect();
    let scores: Vec<Mutex<Vec<Option<Vec<Score>>>>> = stacks
        .iter()
        .map(|stacks| Mutex::new(vec![None; stacks.len()]))
        .collect();
    let done = AtomicU64::new(0);
    lanes::run(places.len(), |index| {
        progress(done.load(Ordering::Relaxed))?;
        let (place, stack) = places[index];
        let (block, units) = (wanted[place].block, stacks[place][stack]);
        let made = score_stack(teacher, temperature, block, units)?;
        done.fetch_add(units.len() as u64, Ordering::Relaxed);
        let mut of_block = lanes::locked(&scores[place]);
        of_block[stack] = Some(made);
        match of_block.iter().all(Option::is_some) {
            true => finished(place, &together(teacher.features_after(block), &of_block)),
            false => Ok(()),
        }
    })?;
    let of_blocks = wanted.iter().zip(&scores);
    Ok(of_blocks
        .map(|(wanted, scores)| {
            let features = teacher.features_after(wanted.block);
            together(features, &lanes::locked(scores))
        })
        .collect())
}

/// Combines the scores of a block's stacks.
fn together(features: usize, stacks: &[Option<Vec<Score>>]) -> UnitScores {
    let scores = stacks.iter().flatten().flatten().cloned();
    let (manifold, logits): (Vec<_>, Vec<_>) = scores.unzip();
    UnitScores {
        features,
        manifold: manifold.concat(),
        logits,
    }
}

/// Splits the units into the smallest number of parts with at most `most` units each. The parts have similar sizes.
fn evenly(units: &[usize], most: usize) -> impl Iterator<Item = &[usize]> {
    let parts = units.len().div_ceil(most);
    units.chunks(units.len().div_ceil(parts.max(1)).max(1))
}

/// Returns the number of variants that fill a batch. It does not depend on the machine, so that results do not either.
fn variants_at_once(teacher: &Teacher<'_>) -> usize {
    let tokens: usize = teacher
        .batches
        .iter()
        .map(|batch| batch.len() * batch.length())
        .sum();
    let mean = tokens.div_ceil(teacher.batches.len().max(1)).max(1);
    (STACKED_TOKENS / mean).clamp(1, MAX_VARIANTS)
}

fn start(teacher: &Teacher<'_>, block: usize, batch: usize) -> Result<Start> {
    let (model, hidden) = (teacher.model, &teacher.inputs[block][batch]);
    let units = model.units(block, hidden)?;
    let sum = (model.project(block, &units)? + model.residual(block, hidden)?)?;
    Ok(Start {
        units: units.flatten(0, 1)?,
        sum,
    })
}

/// Scores these units as one stack.
fn score_stack(
    teacher: &Teacher<'_>,
    temperature: f64,
    block: usize,
    units: &[usize],
) -> Result<Vec<Score>> {
    let model = teacher.model;
    let full = Masks::full(model.groups());
    let count = units.len();
    let stack = Stack::new(teacher, block, units)?;
    let mut features: Vec<Vec<Tensor>> = vec![Vec::new(); teacher.features.len()];
    let mut logits: Vec<Vec<f32>> = vec![Vec::new(); count];
    for (batch, positions) in teacher.samples.iter().enumerate() {
        let sum = stack.removed_from(&start(teacher, block, batch)?)?;
        let mut hidden = model.finish(block, &sum)?;
        for (current, rows) in features.iter_mut().enumerate().skip(block) {
            if current > block {
                hidden = model.block(current, &hidden, &full)?;
            }
            if let (true, Some(positions)) = (model.is_feature(current), positions) {
                rows.push(sampled_rows(&hidden, positions, count)?);
            }
        }
        let stacked = model.head(&hidden)?.flatten_all()?.to_vec1::<f32>()?;
        for (kept, new) in logits
            .iter_mut()
            .zip(stacked.chunks_exact(stacked.len() / count))
        {
            kept.extend_from_slice(new);
        }
    }
    let mut manifold: Vec<Vec<f64>> = vec![Vec::new(); count];
    for (parts, reference) in features.iter().zip(&teacher.features) {
        if let (false, Some(reference)) = (parts.is_empty(), reference) {
            let changed = normalise(&Tensor::cat(parts, 1)?)?;
            for (variant, terms) in manifold.iter_mut().enumerate() {
                terms.push(gram_change(reference, &changed.get(variant)?)?);
            }
        }
    }
    let reference = teacher.logits.concat();
    let scored = manifold.into_iter().zip(logits);
    Ok(scored
        .map(|(terms, logits)| {
            (
                terms,
                divergence(model.problem(), &reference, &logits, temperature),
            )
        })
        .collect())
}

/// Units that are removed in parallel, each from its own copy of the rows.
struct Stack {
    count: usize,
    span: usize,
    /// The units' columns of the activations, `[count * span]`.
    columns: Tensor,
    /// The units' columns of the projection, `[count, span, hidden]`.
    weights: Tensor,
}

impl Stack {
    fn new(teacher: &Teacher<'_>, block: usize, units: &[usize]) -> Result<Self> {
        let (count, span) = (units.len(), teacher.model.groups()[block].span);
        let columns = units.iter().flat_map(|unit| unit * span..(unit + 1) * span);
        let columns: Vec<u32> = columns.map(|column| column as u32).collect();
        let weight = teacher.model.projection(block).weight();
        let columns = Tensor::new(columns, weight.device())?;
        let outputs = weight.dims()[0];
        let weights = weight.index_select(&columns, 1)?.t()?.contiguous()?;
        Ok(Self {
            count,
            span,
            columns,
            weights: weights.reshape((count, span, outputs))?,
        })
    }

    /// Returns the block's sum without each unit in turn, `[count * rows, length, hidden]`.
    fn removed_from(&self, start: &Start) -> Result<Tensor> {
        let Self { count, span, .. } = *self;
        let (rows, length, hidden) = start.sum.dims3()?;
        let units = start.units.index_select(&self.columns, 1)?;
        let units = units
            .reshape((rows * length, count, span))?
            .transpose(0, 1)?
            .contiguous()?;
        meter::count(count * rows * length * span * hidden);
        let contributions = units.matmul(&self.weights)?;
        let sum = start.sum.reshape((1, rows * length, hidden))?;
        sum.broadcast_sub(&contributions)?
            .reshape((count * rows, length, hidden))
    }
}
