//! Joint fit of the two maps of a block: the entry, which computes the units, and the projection, which consumes them.
//!
//! The projection alone can only combine the kept units as they are. The joint fit also changes what they compute. It minimizes
//! `sum_t w_t ||y_t - P phi(E x_t)||^2` with entry `E`, activation `phi` and projection `P` by Gauss-Newton steps: `phi` is
//! replaced by its tangent at the current units, which leaves a linear least-squares problem in `E`. A few steps of conjugate
//! gradients reduce it, with the inverse Gram matrix of the inputs as the preconditioner (the input side of K-FAC, Martens
//! and Grosse 2015) and the exact minimum along each direction. Then the projection is solved again.
//!
//! The number of steps is small on purpose: it is the only regularization that the entry needs.

use std::ops::Range;

use candle_core::{Result, Tensor};
use faer::linalg::solvers::{Llt, Solve};
use faer::{Mat, Side};

use super::super::failure::Failure;
use super::super::lanes;
use super::super::student::Student;
use super::example::Example;
use super::moments::{MOST_INPUTS, Moments, weigh};
use super::solve;

use crate::model::affine::Affine;
use crate::model::hidden::Hidden;
use crate::model::nn::activation::Activation;
use crate::model::nn::elementwise;
use crate::model::nn::linear::Linear;
use crate::model::nn::meter;
use crate::model::nn::traced::{Pullback, Traced};
use crate::model::stored_map::StoredMap;
use crate::prune::sums::add_tensor;

/// Number of times that the entry is fitted. The projection is solved between them.
const ROUNDS: usize = 2;

/// Number of steps that fit the entry to one projection.
const STEPS: usize = 3;

/// Part of the mean diagonal that is added to the Gram matrix of the preconditioner.
const DAMPING: f64 = 1e-3;

/// Number of positions whose columns are in memory at the same time in each lane.
pub const TILE_POSITIONS: usize = 2_048;

/// The two maps of a block.
#[derive(Clone)]
pub struct Pair {
    /// From the input of the entry to the kept units.
    pub entry: Affine,
    /// The activation of the units.
    pub activation: Option<Activation>,
    /// From the kept units to the block's sum.
    pub projection: Affine,
}

impl Pair {
    /// Creates the pair of a student's block. `entry` computes the kept units.
    pub(super) fn of(student: &Student<'_>, block: usize, entry: &StoredMap) -> Self {
        let layer = student.model.blocks[block].entry();
        Self {
            entry: entry.affine.clone(),
            activation: layer.and_then(|layer| layer.activation),
            projection: student.projection(block).clone(),
        }
    }
}

/// Fits both maps. Returns the entry. The caller solves the projection again for more rows.
///
/// # Errors
/// Returns an error if the graph fails.
pub fn fit(
    examples: &[Example],
    mut pair: Pair,
    ridge: f64,
) -> std::result::Result<Linear, Failure> {
    let Some(preconditioner) = Preconditioner::new(examples, &pair.entry)? else {
        return Ok(pair.entry.linear().clone());
    };
    for round in 0..ROUNDS {
        if round > 0 {
            pair = solved(examples, pair, ridge)?;
        }
        let mut last: Option<Last> = None;
        for _ in 0..STEPS {
            let gradient = gradient(examples, &pair)?;
            let steep = preconditioner.apply(&gradient);
            let direction = match &last {
                None => steep.clone(),
                Some(last) => last.conjugate(&gradient, &steep),
            };
            let Some(length) = length(examples, &pair, &gradient, &direction)? else {
                break;
            };
            let moved = moved(pair.entry.linear(), &direction, length)?;
            pair.entry = pair.entry.with(moved)?;
            last = Some(Last {
                gradient,
                steep,
                direction,
            });
        }
    }
    Ok(pair.entry.linear().clone())
}

/// Values of the previous step, each `[units, columns]`, row-major. If the entry has a bias, it is the last column.
struct Last {
    gradient: Vec<f64>,
    /// The preconditioned gradient.
    steep: Vec<f64>,
    direction: Vec<f64>,
}

impl Last {
    /// Returns the next conjugate direction (Polak and Ribiere 1969), or the steepest one if that is not an ascent.
    fn conjugate(&self, gradient: &[f64], steep: &[f64]) -> Vec<f64> {
        let turn = (dot(gradient, steep) - dot(&self.gradient, steep))
            / dot(&self.gradient, &self.steep).max(f64::MIN_POSITIVE);
        let turn = turn.max(0.0);
        let both = steep.iter().zip(&self.direction);
        both.map(|(steep, last)| steep + turn * last).collect()
    }
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

/// The inverse Gram matrix of the columns of the entry's input.
struct Preconditioner {
    factor: Llt<f64>,
    columns: usize,
}

impl Preconditioner {
    /// Returns `None` if the Gram matrix would be too large or has no inverse.
    fn new(examples: &[Example], entry: &Affine) -> std::result::Result<Option<Self>, Failure> {
        let columns = columns_of(entry);
        if columns > MOST_INPUTS {
            return Ok(None);
        }
        let gram = total(examples, columns * columns, |example| {
            let weights = example.weights.as_ref();
            over_tiles(&example.input, entry, |tile, at| {
                let weights = weights.map(|weights| rows(weights, at)).transpose()?;
                weigh(tile, weights.as_ref())?.t()?.matmul(tile)
            })
        })?;
        let value = |row: usize, column: usize| gram[row * columns + column];
        let damping = DAMPING * (0..columns).map(|at| value(at, at)).sum::<f64>() / columns as f64;
        let system = Mat::from_fn(columns, columns, |row, column| {
            value(row, column) + if row == column { damping } else { 0.0 }
        });
        let factor = system.llt(Side::Lower).ok();
        Ok(factor.map(|factor| Self { factor, columns }))
    }

    /// Multiplies each row of `[units, columns]` by the inverse.
    fn apply(&self, gradient: &[f64]) -> Vec<f64> {
        let units = gradient.len() / self.columns;
        let columns = self.columns;
        let right = Mat::from_fn(columns, units, |column, unit| {
            gradient[unit * columns + column]
        });
        let solution = self.factor.solve(&right);
        let units = (0..units).flat_map(|unit| (0..columns).map(move |column| (column, unit)));
        units.map(|at| solution[at]).collect()
    }
}

/// Returns the units of a batch, and the pullback from them to the output of the entry. The pullback multiplies each element
/// by the slope of the activation, so it also maps a change of that output to one of the units.
fn units(pair: &Pair, input: &Hidden) -> Result<(Hidden, Pullback)> {
    let outputs = pair.entry.forward(input)?;
    let Traced { value, pull } = match pair.activation {
        Some(activation) => elementwise::traced(&outputs.stream, activation)?,
        None => Traced::identity(&outputs.stream),
    };
    Ok((outputs.with_stream(value), pull))
}

/// Returns half of the derivative of the error with respect to the entry, with the opposite sign, `[units, columns]`.
fn gradient(examples: &[Example], pair: &Pair) -> std::result::Result<Vec<f64>, Failure> {
    let values = pair.entry.linear().outputs() * columns_of(&pair.entry);
    total(examples, values, |example| {
        let (units, pull) = units(pair, &example.input)?;
        let missed = (&example.target - &pair.projection.forward(&units)?.stream)?;
        let missed = weigh_maps(&missed, example.weights.as_ref())?;
        let on_units = pair.projection.pull(&missed, units.layout)?;
        let on_outputs = pull(on_units)?.flatten(0, 1)?;
        over_tiles(&example.input, &pair.entry, |tile, at| {
            rows(&on_outputs, at)?.t()?.matmul(tile)
        })
    })
}

/// Returns the sum over all examples of a function with this number of values. One example per lane is in memory.
fn total(
    examples: &[Example],
    values: usize,
    of: impl Fn(&Example) -> Result<Tensor> + Sync,
) -> std::result::Result<Vec<f64>, Failure> {
    let mut total = vec![0.0; values];
    for some in examples.chunks(lanes::lanes()) {
        for part in lanes::run(some.len(), |index| Ok(of(&some[index])?))? {
            add_tensor(&mut total, &part)?;
        }
    }
    Ok(total)
}

/// Returns the number of values of each unit in the entry: its weights, and its bias if there is one.
fn columns_of(entry: &Affine) -> usize {
    entry.linear().inputs() + usize::from(entry.linear().bias().is_some())
}

/// Returns the sum of a function of the columns of some rows, `[positions, columns]`, and the range of their positions among
/// those of all rows. If the entry has a bias, the last column is 1.
fn over_tiles(
    input: &Hidden,
    entry: &Affine,
    of: impl Fn(&Tensor, Range<usize>) -> Result<Tensor>,
) -> Result<Tensor> {
    let count = input.stream.dim(0)?;
    let each = match entry {
        Affine::OfPositions(_) => input.stream.dim(1)?,
        Affine::OfWindows(_) => entry.window().over(input.layout.size()?).iter().product(),
    };
    let step = (TILE_POSITIONS / each.max(1)).max(1);
    let mut sum: Option<Tensor> = None;
    for first in (0..count).step_by(step) {
        let some = input.stream.narrow(0, first, step.min(count - first))?;
        let columns = entry.columns(&input.with_stream(some))?.flatten(0, 1)?;
        let columns = match entry.linear().bias() {
            Some(_) => {
                let ones = (columns.dim(0)?, 1);
                let ones = Tensor::ones(ones, columns.dtype(), columns.device())?;
                Tensor::cat(&[&columns, &ones], 1)?
            }
            None => columns,
        };
        let at = first * each..first * each + columns.dim(0)?;
        let part = of(&columns, at)?;
        meter::count(columns.dim(0)? * part.elem_count());
        sum = Some(match sum {
            Some(sum) => (sum + part)?,
            None => part,
        });
    }
    sum.ok_or_else(|| candle_core::Error::Msg("a batch has no rows".to_owned()))
}

/// Returns some rows of a matrix.
fn rows(matrix: &Tensor, at: Range<usize>) -> Result<Tensor> {
    matrix.narrow(0, at.start, at.len())
}

/// Returns the multiple of the direction that lowers the error most, for units that follow their tangents. `None` if the
/// direction changes nothing.
fn length(
    examples: &[Example],
    pair: &Pair,
    gradient: &[f64],
    direction: &[f64],
) -> std::result::Result<Option<f64>, Failure> {
    let change = pair.entry.with(as_map(pair.entry.linear(), direction)?)?;
    let projection = pair.projection.linear();
    let unbiased = Linear::new(projection.weight().clone(), None);
    let unbiased = pair.projection.with(unbiased)?;
    let curvature = total(examples, 1, |example| {
        let (units, pull) = units(pair, &example.input)?;
        let changed = pull(change.forward(&example.input)?.stream)?;
        let changed = unbiased.forward(&units.with_stream(changed))?.stream;
        weigh_maps(&changed.sqr()?, example.weights.as_ref())?.sum_all()
    })?;
    let curvature = curvature[0];
    let length = dot(gradient, direction) / curvature;
    Ok((curvature > 0.0 && length.is_finite()).then_some(length))
}

/// Solves the projection again.
fn solved(examples: &[Example], pair: Pair, ridge: f64) -> std::result::Result<Pair, Failure> {
    let (outputs, inputs) = pair.projection.linear().weight().dims2()?;
    let mut moments = Moments::new(inputs, outputs);
    for some in examples.chunks(lanes::lanes()) {
        let columns = lanes::run(some.len(), |index| {
            let example = &some[index];
            let units = pair
                .entry
                .forward_activated(&example.input, pair.activation)?;
            Ok(example.sampled_columns(&pair.projection, &units)?)
        })?;
        for (example, columns) in some.iter().zip(columns) {
            let target = example.sampled_target()?;
            moments.add(&columns, &target, example.weights.as_ref())?;
        }
    }
    let linear = solve::solve(&moments, pair.projection.linear(), ridge)?;
    let projection = match linear {
        Some(linear) => pair.projection.with(linear)?,
        None => pair.projection.clone(),
    };
    Ok(Pair { projection, ..pair })
}

/// Returns the entry plus a multiple of a direction.
fn moved(entry: &Linear, direction: &[f64], length: f64) -> Result<Linear> {
    let scaled: Vec<f64> = direction.iter().map(|value| value * length).collect();
    let change = as_map(entry, &scaled)?;
    let bias = match (entry.bias(), change.bias()) {
        (Some(bias), Some(change)) => Some((bias + change)?),
        _ => None,
    };
    Ok(Linear::new((entry.weight() + change.weight())?, bias))
}

/// Returns the map that these values `[units, columns]` describe. It has a bias if `like` has one.
fn as_map(like: &Linear, values: &[f64]) -> Result<Linear> {
    let (units, inputs) = like.weight().dims2()?;
    let device = like.weight().device();
    let columns = values.len() / units.max(1);
    let rows = values.chunks(columns.max(1));
    let weight = rows.clone().flat_map(|row| &row[..inputs]);
    let weight: Vec<f32> = weight.map(|&value| value as f32).collect();
    let weight = Tensor::from_vec(weight, (units, inputs), device)?;
    let bias = like.bias().map(|_| {
        let bias: Vec<f32> = rows.map(|row| row[inputs] as f32).collect();
        Tensor::from_vec(bias, units, device)
    });
    Ok(Linear::new(weight, bias.transpose()?))
}

/// Multiplies each position of `[rows, positions, channels]` by its weight.
fn weigh_maps(values: &Tensor, weights: Option<&Tensor>) -> Result<Tensor> {
    weigh(&values.flatten(0, 1)?, weights)?.reshape(values.shape())
}
