//! The local term: the contribution of a unit to the output sum of its block.
//!
//! The term is the squared change of the block's sum when the unit is removed, over all positions of the scoring rows,
//! divided by the total squared deviation of the sum from its mean, or by the total square of the sum if it is the same at all
//! positions, as with a single one. For columns of the activations the numerator is
//! `||units_i W_i||_F^2`, and for a neuron `|a|^2 |w|^2` (K-prune, Park et al. 2024). For inner channels the block runs
//! without each unit in turn. The term measures a removal before later layers can hide or undo its effect, so it
//! distinguishes units that hardly change the trajectory.

use candle_core::{Result, Tensor};

use super::super::failure::Failure;
use super::super::lanes;
use super::exact::{self, Stack, Start};
use super::teacher::Teacher;
use crate::model::block::Block;
use crate::model::hidden::Hidden;
use crate::model::nn::meter;
use crate::model::unit::UnitGroup;
use crate::prune::sums::add;

/// Smallest squared deviation of a block's sum from its mean that is not a rounding error, relative to its square.
const MIN_VARIATION: f64 = 1e-6;

/// The sums over one batch.
struct Sums {
    /// `U_i^T U_i` of every unit, `[width, span, span]`, or for inner channels the squared change of the block's sum,
    /// `[width]`.
    units: Vec<f64>,
    positions: usize,
    /// Sum over the positions of the block's sum, one value per column.
    sum: Vec<f64>,
    /// Sum of the squares of all values of the block's sum.
    squares: f64,
}

/// Returns the local term of every unit of one group.
///
/// # Errors
/// Returns [`Internal`](crate::prune::failure::Code::Internal) if the graph fails.
pub fn energies(teacher: &Teacher<'_>, index: usize) -> std::result::Result<Vec<f64>, Failure> {
    let group = &teacher.model.groups[index];
    let projection = &teacher.model.blocks[group.seat.block].projection;
    if group.width == 0 {
        return Ok(Vec::new());
    }
    let parts = lanes::run(teacher.batches.len(), |batch| {
        Ok(sums(teacher, index, batch)?)
    })?;
    let size = match group.is_columns() {
        true => projection
            .affine
            .columns_of(0..group.seat.span)
            .len()
            .pow(2),
        false => 1,
    };
    let mut units = vec![0.0; group.width * size];
    let mut sum = vec![0.0; projection.linear().outputs()];
    let (mut squares, mut positions) = (0.0, 0);
    for part in parts {
        add(&mut units, &part.units);
        add(&mut sum, &part.sum);
        squares += part.squares;
        positions += part.positions;
    }
    let mean_energy: f64 = sum.iter().map(|sum| sum * sum).sum::<f64>() / positions.max(1) as f64;
    let variation = match squares - mean_energy {
        variation if variation > MIN_VARIATION * squares => variation,
        _ => squares.max(f64::MIN_POSITIVE),
    };
    let energies = match group.is_columns() {
        true => {
            let weight = projection.linear().weight().to_vec2::<f32>()?;
            let units = units.chunks_exact(size).enumerate();
            let energies = units.map(|(unit, gram)| {
                let own = projection.affine.columns_of(group.channels(unit));
                let rows = weight.iter();
                rows.map(|row| quadratic(gram, &row[own.clone()])).sum()
            });
            energies.collect()
        }
        false => units,
    };
    Ok(energies
        .into_iter()
        .map(|energy: f64| energy / variation)
        .collect())
}

fn sums(teacher: &Teacher<'_>, index: usize, batch: usize) -> Result<Sums> {
    let group = &teacher.model.groups[index];
    let block = &teacher.model.blocks[group.seat.block];
    let start = exact::start(teacher, group.seat.block, batch)?;
    let sum = block.sum(&block.projection.affine, &start.units, &start.input)?;
    let sum = sum.stream.flatten(0, 1)?;
    Ok(Sums {
        units: match group.is_columns() {
            true => grams(group, block, &start.units)?,
            false => changes(teacher, index, &start, &sum)?,
        },
        positions: sum.dims()[0],
        sum: numbers(&sum.sum(0)?)?,
        squares: f64::from(sum.sqr()?.sum_all()?.to_scalar::<f32>()?),
    })
}

/// Returns `U_i^T U_i` of every unit of a group of columns.
fn grams(group: &UnitGroup, block: &Block, units: &Hidden) -> Result<Vec<f64>> {
    let own = group.all_channels();
    let affine = &block.projection.affine;
    let units = units.with_stream(units.stream.narrow(2, own.start, own.len())?);
    let units = affine.columns(&units)?.flatten(0, 1)?;
    let positions = units.dims()[0];
    let span = affine.columns_of(0..group.seat.span).len();
    let units = units.reshape((positions, group.width, span))?;
    let grams = match span {
        1 => units.sqr()?.sum(0)?,
        span => {
            let units = units.transpose(0, 1)?.contiguous()?;
            meter::count(group.width * positions * span * span);
            units.transpose(1, 2)?.matmul(&units)?
        }
    };
    numbers(&grams)
}

/// Returns the squared change of the block's sum without each unit of a group of inner channels.
fn changes(teacher: &Teacher<'_>, index: usize, start: &Start, sum: &Tensor) -> Result<Vec<f64>> {
    let model = teacher.model;
    let block = &model.blocks[model.groups[index].seat.block];
    let units: Vec<usize> = (0..model.groups[index].width).collect();
    let mut changes = Vec::with_capacity(units.len());
    for units in exact::evenly(&units, exact::variants_at_once(teacher)) {
        let removed = Stack::new(model, index, units)?.removed_from(block, start)?;
        let (positions, outputs) = sum.dims2()?;
        let removed = removed.stream.reshape((units.len(), positions, outputs))?;
        changes.extend(numbers(&removed.broadcast_sub(sum)?.sqr()?.sum((1, 2))?)?);
    }
    Ok(changes)
}

fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    let values = tensor.flatten_all()?.to_vec1::<f32>()?;
    Ok(values.into_iter().map(f64::from).collect())
}

/// Returns `w^T C w`.
fn quadratic(gram: &[f64], weights: &[f32]) -> f64 {
    let rows = gram.chunks_exact(weights.len()).zip(weights);
    rows.map(|(row, &weight)| {
        let along: f64 = row
            .iter()
            .zip(weights)
            .map(|(c, &w)| c * f64::from(w))
            .sum();
        f64::from(weight) * along
    })
    .sum()
}
