//! Exact scores: each unit is taken out in turn and the rest of the model runs again.
//!
//! Exact, not naive. A run starts at the unit's own block, whose input is cached; taking the unit
//! out there subtracts `units_j W_j` from the whole sum, so the block itself runs once a stack; and
//! many such variants are stacked as the rows of one batch. Rows are never padded. The stacks of all
//! blocks share the lanes: those of one block alone would be too few for all cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{Result, Tensor};

use super::super::failure::Failure;
use super::super::lanes;
use super::divergence::divergence;
use super::manifold::{gram_change, normalise};
use super::teacher::{Teacher, sampled_rows};
use super::{STACKED_TOKENS, UnitScores};
use crate::model::mask::Masks;
use crate::model::nn::meter;

/// Variants in one stack at most: bounds the memory of the sampled features that a lane holds.
pub const MAX_VARIANTS: usize = 32;

/// Units of one block that are to be scored.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The block.
    pub block: usize,
    /// Its units.
    pub units: Vec<usize>,
}

/// What a block's removal runs start from, for one batch.
struct Seam {
    /// Activations, `[rows * length, width * span]`.
    units: Tensor,
    /// Projection and residual, `[rows, length, hidden]`.
    sum: Tensor,
}

/// Scores of one unit: a manifold term for each feature that follows, and the logits' term.
type Score = (Vec<f64>, f64);

/// Scores some units of some blocks, in their order. `progress` hears how many are done and may stop the
/// work; `finished` hears of each block as soon as it is done, by its place in `wanted`.
///
/// # Errors
/// What `progress` or `finished` answers, or a fault of ours.
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

/// The scores of a block from those of its stacks.
fn together(features: usize, stacks: &[Option<Vec<Score>>]) -> UnitScores {
    let scores = stacks.iter().flatten().flatten().cloned();
    let (manifold, logits): (Vec<_>, Vec<_>) = scores.unzip();
    UnitScores {
        features,
        manifold: manifold.concat(),
        logits,
    }
}

/// As few parts as have at most so many, none much smaller than another.
fn evenly(units: &[usize], most: usize) -> impl Iterator<Item = &[usize]> {
    let parts = units.len().div_ceil(most);
    units.chunks(units.len().div_ceil(parts.max(1)).max(1))
}

/// Enough variants to fill a batch, the same number whatever the machine: results must not depend on it.
fn variants_at_once(teacher: &Teacher<'_>) -> usize {
    let tokens: usize = teacher
        .batches
        .iter()
        .map(|batch| batch.len() * batch.length())
        .sum();
    let mean = tokens.div_ceil(teacher.batches.len().max(1)).max(1);
    (STACKED_TOKENS / mean).clamp(1, MAX_VARIANTS)
}

fn seam(teacher: &Teacher<'_>, block: usize, batch: usize) -> Result<Seam> {
    let (model, hidden) = (teacher.model, &teacher.inputs[block][batch]);
    let units = model.units(block, hidden)?;
    let sum = (model.project(block, &units)? + model.residual(block, hidden)?)?;
    Ok(Seam {
        units: units.flatten(0, 1)?,
        sum,
    })
}

/// Scores these units together.
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
        let sum = stack.taken_from(&seam(teacher, block, batch)?)?;
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

/// Units that are taken out side by side, each from a copy of its own.
struct Stack {
    count: usize,
    span: usize,
    /// Which columns of the activations are theirs, `[count * span]`.
    columns: Tensor,
    /// Their columns of the projection, `[count, span, hidden]`.
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

    /// The block's sum without each unit in turn, `[count * rows, length, hidden]`.
    fn taken_from(&self, seam: &Seam) -> Result<Tensor> {
        let Self { count, span, .. } = *self;
        let (rows, length, hidden) = seam.sum.dims3()?;
        let units = seam.units.index_select(&self.columns, 1)?;
        let units = units
            .reshape((rows * length, count, span))?
            .transpose(0, 1)?
            .contiguous()?;
        meter::count(count * rows * length * span * hidden);
        let contributions = units.matmul(&self.weights)?;
        let sum = seam.sum.reshape((1, rows * length, hidden))?;
        sum.broadcast_sub(&contributions)?
            .reshape((count * rows, length, hidden))
    }
}
