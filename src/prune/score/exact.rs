//! Exact scores: each unit is removed in turn, and the rest of the model runs again.
//!
//! Repeated work is avoided:
//!
//! - A run starts at the unit's own block, whose input is cached.
//! - Removing unit `j` subtracts `units_j W_j` from the block's sum, so the block itself runs once per stack.
//! - Many variants are stacked as the rows of one batch. Rows are never padded.
//!
//! The stacks of all groups are distributed over the lanes together, because one group alone has too
//! few stacks for all cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{Result, Tensor};

use super::super::answers::Answers;
use super::super::failure::Failure;
use super::super::lanes;
use super::super::recipe::Method;
use super::manifold::{changes, normalise};
use super::scores::UnitScores;
use super::teacher::{STACKED_POSITIONS, Teacher};
use crate::answer::task::Outputs;
use crate::model::block::Block;
use crate::model::chain::Model;
use crate::model::hidden::Hidden;
use crate::model::layer::Layer;
use crate::model::mask::Masks;
use crate::model::nn::meter;
use crate::statistics::mean;

/// Maximum number of variants in one stack, however short the rows are.
const MAX_VARIANTS: usize = 32;

/// Units of one group to score.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The group.
    pub group: usize,
    /// Its units.
    pub units: Vec<usize>,
}

/// The values of a block from which all removals start, for one batch.
pub(super) struct Start {
    /// The block's input.
    pub(super) input: Hidden,
    /// The activations of its units.
    pub(super) units: Hidden,
}

/// Scores of one unit: a manifold term for each later feature, and the answer term.
type Score = (Vec<f64>, f64);

/// Scores the wanted units and returns one entry for each entry of `wanted`.
///
/// `progress` receives the number of scored units and may stop the work. `finished` receives the scores of
/// each group as soon as they are complete, with the group's index in `wanted`.
///
/// # Errors
/// Returns the failure of `progress` or `finished`, or [`Internal`](crate::prune::failure::Code::Internal) if the
/// graph fails.
pub fn score(
    teacher: &Teacher<'_>,
    method: &Method,
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
        let (group, units) = (wanted[place].group, stacks[place][stack]);
        let made = score_stack(teacher, method, group, units)?;
        done.fetch_add(units.len() as u64, Ordering::Relaxed);
        let mut of_group = lanes::locked(&scores[place]);
        of_group[stack] = Some(made);
        match of_group.iter().all(Option::is_some) {
            true => finished(place, &together(features_of(teacher, group), &of_group)),
            false => Ok(()),
        }
    })?;
    let of_groups = wanted.iter().zip(&scores);
    Ok(of_groups
        .map(|(wanted, scores)| {
            let features = features_of(teacher, wanted.group);
            together(features, &lanes::locked(scores))
        })
        .collect())
}

/// Returns the number of features after a group's block.
fn features_of(teacher: &Teacher<'_>, group: usize) -> usize {
    teacher.features_after(teacher.model.groups[group].seat.block)
}

/// Combines the scores of a group's stacks.
fn together(features: usize, stacks: &[Option<Vec<Score>>]) -> UnitScores {
    let scores = stacks.iter().flatten().flatten().cloned();
    let (manifold, answers): (Vec<_>, Vec<_>) = scores.unzip();
    UnitScores {
        features,
        manifold: manifold.concat(),
        answers,
    }
}

/// Splits the units into the smallest number of parts with at most `most` units each. The parts have similar sizes.
pub(super) fn evenly(units: &[usize], most: usize) -> impl Iterator<Item = &[usize]> {
    let parts = units.len().div_ceil(most);
    units.chunks(units.len().div_ceil(parts.max(1)).max(1))
}

/// Returns the number of variants that fill a batch. It does not depend on the machine, so that results do not either.
pub(super) fn variants_at_once(teacher: &Teacher<'_>) -> usize {
    let positions: usize = teacher
        .batches
        .iter()
        .map(|batch| batch.len() * batch.length())
        .sum();
    let mean = positions.div_ceil(teacher.batches.len().max(1)).max(1);
    (STACKED_POSITIONS / mean).clamp(1, MAX_VARIANTS)
}

pub(super) fn start(teacher: &Teacher<'_>, block: usize, batch: usize) -> Result<Start> {
    let input = teacher.input(block, batch)?;
    Ok(Start {
        units: teacher.model.blocks[block].units.forward(&input)?,
        input,
    })
}

/// Scores these units as one stack.
fn score_stack(
    teacher: &Teacher<'_>,
    method: &Method,
    group: usize,
    units: &[usize],
) -> Result<Vec<Score>> {
    let model = teacher.model;
    let full = Masks::full(&model.groups);
    let count = units.len();
    let own = model.groups[group].seat.block;
    let stack = Stack::new(model, group, units)?;
    // Sum over the rows, `[feature][variant]`.
    let mut manifold = vec![vec![0.0; count]; teacher.features.len()];
    let mut divergences: Vec<Vec<f64>> = vec![Vec::new(); count];
    for batch in 0..teacher.batches.len() {
        let sum = stack.removed_from(&model.blocks[own], &start(teacher, own, batch)?)?;
        let mut hidden = model.blocks[own].finish.forward(&sum)?;
        for (current, sums) in manifold.iter_mut().enumerate().skip(own) {
            if current > own {
                hidden = model.block(current, &hidden, &full)?;
            }
            let (Some(feature), Some(layers)) =
                (&teacher.features[current], &model.blocks[current].feature)
            else {
                continue;
            };
            let whole = layers.forward(&hidden)?.stream;
            let changed = normalise(&feature.samples[batch].select(&whole)?)?;
            let changes = changes(method.feature_term, &feature.vectors[batch], &changed)?;
            let variants = changes.chunks_exact(changes.len() / count);
            for (sum, changes) in sums.iter_mut().zip(variants) {
                *sum += changes.iter().sum::<f64>();
            }
        }
        let stacked = Answers::of(&teacher.scored.head.forward(&hidden)?)?;
        let stacked: Vec<Outputs<'_>> = stacked.rows().collect();
        let variants = stacked.chunks_exact(stacked.len() / count);
        for (divergences, variant) in divergences.iter_mut().zip(variants) {
            let examples = teacher.answers[batch].rows().zip(variant);
            divergences.extend(examples.map(|(original, &changed)| {
                let divergence = teacher.divergence();
                divergence.divergence(original, changed, method.temperature)
            }));
        }
    }
    let rows = teacher.rows() as f64;
    let later = || manifold.iter().zip(&teacher.features).skip(own);
    let scores = divergences.iter().enumerate();
    let scores = scores.map(|(variant, divergences)| {
        let terms = later().filter(|(_, feature)| feature.is_some());
        let terms = terms.map(|(sums, _)| sums[variant] / rows);
        (terms.collect(), mean(divergences))
    });
    Ok(scores.collect())
}

/// Units that are removed in parallel, each from its own copy of the rows.
pub(super) enum Stack {
    /// Columns of the activations. Their removal subtracts their contributions from the block's sum.
    Columns {
        count: usize,
        /// Number of columns of a unit.
        span: usize,
        /// The units' channels of the activations, `[count * channels]`.
        channels: Tensor,
        /// The units' columns of the projection, `[count, span, out]`.
        weights: Tensor,
    },
    /// Inner channels. The block runs once per unit with a mask for its channels.
    Inner {
        count: usize,
        /// One mask per unit, `[count, inner]`.
        factors: Tensor,
    },
}

impl Stack {
    pub(super) fn new(model: &Model, group: usize, units: &[usize]) -> Result<Self> {
        let (count, group) = (units.len(), &model.groups[group]);
        let block = &model.blocks[group.seat.block];
        let device = model.device();
        if !group.is_columns() {
            let inner = block.units.inner_channels();
            let mut factors = vec![1.0f32; count * inner];
            for (factors, &unit) in factors.chunks_exact_mut(inner).zip(units) {
                factors[group.channels(unit)].fill(0.0);
            }
            let factors = Tensor::from_vec(factors, (count, inner), device)?;
            return Ok(Self::Inner { count, factors });
        }
        let affine = &block.projection.affine;
        let span = affine.columns_of(0..group.seat.span).len();
        let columns = units.iter().map(|&unit| group.channels(unit));
        let columns = columns.flat_map(|channels| affine.columns_of(channels));
        let columns: Vec<u32> = columns.map(|column| column as u32).collect();
        let channels = units.iter().flat_map(|&unit| group.channels(unit));
        let channels: Vec<u32> = channels.map(|channel| channel as u32).collect();
        let columns = Tensor::new(columns, device)?;
        let weight = block.projection.linear().weight();
        let outputs = weight.dims()[0];
        let weights = weight.index_select(&columns, 1)?.t()?.contiguous()?;
        Ok(Self::Columns {
            count,
            span,
            channels: Tensor::new(channels, device)?,
            weights: weights.reshape((count, span, outputs))?,
        })
    }

    /// Returns the block's sum without each unit in turn, `[count * rows, positions, out]`.
    pub(super) fn removed_from(&self, block: &Block, start: &Start) -> Result<Hidden> {
        match self {
            Self::Columns {
                count,
                span,
                channels,
                weights,
            } => {
                let (count, span) = (*count, *span);
                let affine = &block.projection.affine;
                let sum = block.sum(affine, &start.units, &start.input)?;
                let (rows, positions, outputs) = sum.stream.dims3()?;
                let units = start.units.stream.index_select(channels, 2)?;
                let units = affine.columns(&start.units.with_stream(units))?;
                let units = units
                    .reshape((rows * positions, count, span))?
                    .transpose(0, 1)?
                    .contiguous()?;
                meter::count(count * rows * positions * span * outputs);
                let contributions = units.matmul(weights)?;
                let whole = sum.stream.reshape((1, rows * positions, outputs))?;
                let removed = whole.broadcast_sub(&contributions)?;
                sum.with_copies(removed.reshape((count * rows, positions, outputs))?, count)
            }
            Self::Inner { count, factors } => {
                let (rows, inner) = (start.input.stream.dim(0)?, factors.dim(1)?);
                let factors = factors.reshape((*count, 1, 1, inner))?;
                let factors = factors.repeat((1, rows, 1, 1))?;
                let factors = factors.reshape((count * rows, 1, inner))?;
                let stream = start.input.stream.repeat((*count, 1, 1))?;
                let input = start.input.with_copies(stream, *count)?;
                let units = block.units.forward_masked(&input, &factors)?;
                block.sum(&block.projection.affine, &units, &input)
            }
        }
    }
}
