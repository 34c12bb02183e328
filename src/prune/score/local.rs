//! The local term: the contribution of a unit to the output sum of its block.
//!
//! The term is `||units_i W_i||_F^2` over all positions of the scoring rows, divided by the total squared
//! deviation of the block's sum from its mean. For a neuron the numerator is `|a|^2 |w|^2` (K-prune, Park
//! et al. 2024). It measures a removal before later layers can hide or undo its effect, so it
//! distinguishes units that hardly change the trajectory.

use candle_core::{Result, Tensor};

use super::super::failure::Failure;
use super::super::lanes;
use super::teacher::Teacher;
use crate::model::chain::Model;
use crate::model::hidden::Hidden;
use crate::model::layer::Layer;
use crate::model::nn::meter;
use crate::model::unit::UnitGroup;
use crate::prune::sums::add;

/// The sums over one batch.
struct Sums {
    /// `U_i^T U_i` of every unit, `[width, span, span]`.
    grams: Vec<f64>,
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
pub fn energies(teacher: &Teacher<'_>, group: usize) -> std::result::Result<Vec<f64>, Failure> {
    let group = &teacher.model.groups[group];
    let projection = &teacher.model.blocks[group.seat.block].projection.linear;
    if !group.is_columns() {
        return Ok(vec![1.0; group.width]);
    }
    if group.width == 0 {
        return Ok(Vec::new());
    }
    let parts = lanes::run(teacher.batches.len(), |batch| {
        let input = teacher.input(group.seat.block, batch)?;
        Ok(sums(teacher.model, group, &input)?)
    })?;
    let size = group.seat.span * group.seat.span;
    let mut grams = vec![0.0; group.width * size];
    let mut sum = vec![0.0; projection.outputs()];
    let (mut squares, mut positions) = (0.0, 0);
    for part in parts {
        add(&mut grams, &part.grams);
        add(&mut sum, &part.sum);
        squares += part.squares;
        positions += part.positions;
    }
    let mean_energy: f64 = sum.iter().map(|sum| sum * sum).sum::<f64>() / positions.max(1) as f64;
    let variation = (squares - mean_energy).max(f64::MIN_POSITIVE);
    let weight = projection.weight().to_vec2::<f32>()?;
    let units = grams.chunks_exact(size).enumerate();
    Ok(units
        .map(|(unit, gram)| {
            let own = group.channels(unit);
            let energy: f64 = weight
                .iter()
                .map(|row| quadratic(gram, &row[own.clone()]))
                .sum();
            energy / variation
        })
        .collect())
}

fn sums(model: &Model, group: &UnitGroup, input: &Hidden) -> Result<Sums> {
    let block = &model.blocks[group.seat.block];
    let units = block.units.forward(input)?;
    let sum = block
        .sum(&block.projection.linear, &units, input)?
        .stream
        .flatten(0, 1)?;
    let positions = sum.dims()[0];
    let own = group.all_channels();
    let units = units.stream.narrow(2, own.start, own.len())?;
    let units = units.reshape((positions, group.width, group.seat.span))?;
    let grams = match group.seat.span {
        1 => units.sqr()?.sum(0)?,
        span => {
            let units = units.transpose(0, 1)?.contiguous()?;
            meter::count(group.width * positions * span * span);
            units.transpose(1, 2)?.matmul(&units)?
        }
    };
    Ok(Sums {
        grams: numbers(&grams)?,
        positions,
        sum: numbers(&sum.sum(0)?)?,
        squares: f64::from(sum.sqr()?.sum_all()?.to_scalar::<f32>()?),
    })
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
