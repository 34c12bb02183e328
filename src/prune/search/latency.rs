//! Latency of units: a table measured on the machine that runs the job.
//!
//! Groups that execute the same operations have the same shape, and are assumed to take the same time. For
//! each shape and several counts of its units, a model is pruned so that every group of the shape keeps
//! that count and all other groups stay whole. Its forward passes are timed alternately with those of the
//! original. The difference, divided evenly among the groups of the shape, is the time of a group. The
//! times of different groups add up (after ZipLM, Kurtic et al. 2023). Where the units are channels of attention heads,
//! a model with half of the heads is timed as well. What it saves beyond its channels is the overhead of the heads, such
//! as their softmax. Two measurements are never equal, so another measurement may lead to another selection. A job
//! stores its table in the journal.

use serde::{Deserialize, Serialize};

use crate::model::batch::Batch;
use crate::model::chain::Model;
use crate::model::cost::{Cost, Curve};
use crate::model::extent::Extent;
use crate::model::mask::Masks;
use crate::model::nn::kernel::instruction_set;
use crate::model::unit::UnitGroup;
use crate::model::work::Work;
use crate::prune::failure::Failure;
use crate::prune::journal::{self, Journal};
use crate::prune::lanes;
use crate::prune::prepare::Prepared;
use crate::prune::repairs::Repairs;
use crate::prune::surgery;
use crate::prune::timing::{ROWS, in_turns, mean_batch};
use crate::prune::watch::Watch;
use crate::statistics::{deviation, median};

/// Name of the document, in the journal and in the result folder.
pub const NAME: &str = "latency_table.json";

/// Maximum number of timed counts per shape. The count of all units is the original model and is not timed again.
const POINTS: usize = 16;

/// Number of timed pairs of forward passes.
const ROUNDS: usize = 9;

/// Number of pairs that run before the timed ones and are not counted.
const WARM_UP: usize = 1;

/// `latency_table.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyTable {
    /// Rows of the timed batch.
    pub batch: usize,
    /// Positions per row: the calibration set's mean length.
    pub length: usize,
    /// Median time of the unpruned model, in milliseconds.
    pub whole_ms: f64,
    /// One entry per shape of groups.
    pub shapes: Vec<ShapeTimes>,
}

/// The times of the groups of one shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShapeTimes {
    /// Number of units of each group.
    pub width: usize,
    /// Indices of the groups in the graph.
    pub groups: Vec<usize>,
    /// The measured points, from the fewest units up. The full width is the unpruned model and is not measured.
    pub points: Vec<PointTime>,
    /// The time with half of the heads, whose channels are the units of the groups. `None` for queries, which share the
    /// heads of the values, for layers with one head, and for units that do not belong to heads.
    pub half: Option<HalfTime>,
}

/// Time of the model when each layer of a shape keeps half of its heads, with all their channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HalfTime {
    /// Number of heads of each layer.
    pub heads: usize,
    /// Number of heads that each layer keeps.
    pub kept: usize,
    /// The groups that lose their channels: those of the shape, and those of the queries of the same heads.
    pub groups: Vec<usize>,
    /// See [`PointTime::share`].
    pub share: f64,
    /// See [`PointTime::deviation`].
    pub deviation: f64,
}

/// Time of the model when each group of a shape keeps this number of units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointTime {
    /// Number of units that each group keeps.
    pub kept: usize,
    /// Median over the rounds of the time, as a fraction of the time of the unpruned model.
    pub share: f64,
    /// Sample standard deviation of that fraction over the rounds.
    pub deviation: f64,
}

/// Returns the table from the journal, or measures it and stores it there.
///
/// # Errors
/// Returns an error if the job must stop, if a graph fails, or if the journal cannot be read or written.
pub fn table(
    prepared: &Prepared,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> Result<LatencyTable, Failure> {
    let batch = mean_batch(&prepared.calibration, ROWS)?;
    let digest = prepared
        .model_digest("latency/4")
        .part("instructions", instruction_set())
        .part("lanes", lanes::lanes())
        .part("rows", ROWS)
        .part("length", batch.length())
        .hex();
    journal::remember_json(journal, NAME, &digest, || measure(prepared, &batch, watch))
}

fn measure(prepared: &Prepared, batch: &Batch, watch: &dyn Watch) -> Result<LatencyTable, Failure> {
    let model = &prepared.model;
    let shapes = shapes(model, &batch.extent()).into_iter();
    let mut shapes: Vec<ShapeTimes> = shapes
        .map(|own| ShapeTimes::unmeasured(&model.groups, own))
        .collect();
    let mut whole = Vec::new();
    let counts = shapes
        .iter()
        .map(|shape| shape.points.len() + usize::from(shape.half.is_some()));
    let total: usize = counts.sum();
    let mut done = 0;
    let mut time = |narrow: Vec<Vec<usize>>| -> Result<(f64, f64), Failure> {
        watch.proceed()?;
        watch.progress(done, total as u64);
        done += 1;
        let narrow = narrowed(prepared, &narrow)?;
        let times = in_turns([model, &narrow], batch, WARM_UP, ROUNDS)?;
        whole.extend(times.iter().map(|[whole, _]| *whole));
        let shares: Vec<f64> = times.iter().map(|[whole, narrow]| narrow / whole).collect();
        let spread = deviation(&shares);
        Ok((median(shares), spread))
    };
    for shape in &mut shapes {
        for point in &mut shape.points {
            let kept = keeping(&model.groups, &shape.groups, |group| {
                evenly(group, point.kept)
            });
            (point.share, point.deviation) = time(kept)?;
        }
        if let Some(half) = &mut shape.half {
            let kept = keeping(&model.groups, &half.groups, |group| {
                (0..group.width / half.heads * half.kept).collect()
            });
            (half.share, half.deviation) = time(kept)?;
        }
    }
    Ok(LatencyTable {
        batch: batch.len(),
        length: batch.length(),
        whole_ms: median(whole),
        shapes,
    })
}

/// Returns the groups of each shape, for rows of these extents. Groups have the same shape if they have the same number
/// of units, a unit of each costs the same MACs, and their blocks do the same work. A group without units has no shape.
///
/// # Panics
/// See [`Model::cost`].
#[must_use]
pub fn shapes(model: &Model, extent: &Extent) -> Vec<Vec<usize>> {
    let groups = &model.groups;
    let works = model.work(extent).blocks;
    let each = model.cost(extent).per_unit(groups);
    let key = |index: usize| {
        let Work {
            macs,
            written,
            remembered,
        } = &works[groups[index].seat.block];
        let macs = macs.with_all(groups);
        let width = groups[index].width;
        (width, each[index], macs, *written, *remembered)
    };
    let mut shapes: Vec<Vec<usize>> = Vec::new();
    for index in (0..groups.len()).filter(|&index| groups[index].width > 0) {
        match shapes.iter_mut().find(|shape| key(shape[0]) == key(index)) {
            Some(shape) => shape.push(index),
            None => shapes.push(vec![index]),
        }
    }
    shapes
}

/// Returns the kept units of each group, if the `narrow` groups keep those that `units` returns, and all other groups
/// stay whole.
fn keeping(
    groups: &[UnitGroup],
    narrow: &[usize],
    units: impl Fn(&UnitGroup) -> Vec<usize>,
) -> Vec<Vec<usize>> {
    let groups = groups.iter().enumerate();
    let kept = groups.map(|(index, group)| match narrow.contains(&index) {
        true => units(group),
        false => (0..group.width).collect(),
    });
    kept.collect()
}

/// Returns the first `kept` units. Channels of heads are removed evenly from all heads.
fn evenly(group: &UnitGroup, kept: usize) -> Vec<usize> {
    let heads = group.heads().max(1);
    let (each, kept) = (group.width / heads, kept / heads);
    let heads = 0..heads;
    heads
        .flat_map(|head| head * each..head * each + kept)
        .collect()
}

/// Returns the model with only these units.
fn narrowed(prepared: &Prepared, kept: &[Vec<usize>]) -> Result<Model, Failure> {
    let masks = Masks::keeping(&prepared.model.groups, kept);
    let repairs = Repairs::none(prepared.model.blocks.len());
    let (_, _, model) = surgery::open(prepared, &masks, &repairs)?;
    Ok(model)
}

impl LatencyTable {
    /// Returns the latency for any number of units, in nanoseconds.
    #[must_use]
    pub fn cost(&self, groups: &[UnitGroup]) -> Cost {
        let nanoseconds = |share: f64| (share * self.whole_ms * 1e6).round() as u64;
        let mut fixed = 1.0;
        let mut shares = vec![vec![0.0]; groups.len()];
        for shape in &self.shapes {
            let curve = shape.curve();
            fixed -= curve[shape.width] * shape.groups.len() as f64;
            for &group in &shape.groups {
                shares[group].clone_from(&curve);
            }
        }
        let mut heads = vec![0; groups.len()];
        for shape in &self.shapes {
            if let Some(half) = &shape.half {
                let each = half.overhead(&shares) / shape.groups.len() as f64;
                fixed -= each * (half.heads * shape.groups.len()) as f64;
                for &group in &shape.groups {
                    heads[group] = nanoseconds(each);
                }
            }
        }
        let curves = shares
            .into_iter()
            .map(|curve| Curve::Table(curve.into_iter().map(nanoseconds).collect()));
        Cost {
            fixed: nanoseconds(fixed.max(0.0)),
            groups: curves.collect(),
            pairs: vec![0; groups.len().saturating_sub(1)],
            heads,
            unread: 0,
        }
    }
}

impl ShapeTimes {
    /// Creates the entry of groups like this one, with the counts to time.
    ///
    /// If the units are channels of heads, all heads are kept and lose equally many channels. The layer without heads is
    /// not timed, because it also lacks the units of another group. Its time is the continuation of the curve.
    fn unmeasured(all: &[UnitGroup], groups: Vec<usize>) -> Self {
        let group = &all[groups[0]];
        let width = group.width;
        let (heads, first) = group
            .heads
            .as_ref()
            .map_or((1, 0), |heads| (heads.count.max(1), 1));
        let each = width / heads;
        let counts = (first..each).step_by(each.div_ceil(POINTS));
        let counts = counts.map(|count| count * heads);
        let points = counts.map(|kept| PointTime {
            kept,
            share: 0.0,
            deviation: 0.0,
        });
        let has_values = group.heads.as_ref().is_some_and(|own| own.values.is_none());
        let half = (has_values && heads > 1).then(|| {
            let of_heads = |group: &UnitGroup| {
                let values = group.heads.as_ref().and_then(|own| own.values);
                values.is_some_and(|values| groups.contains(&values))
            };
            let queries = (0..all.len()).filter(|&group| of_heads(&all[group]));
            HalfTime {
                heads,
                kept: heads / 2,
                groups: groups.iter().copied().chain(queries).collect(),
                share: 0.0,
                deviation: 0.0,
            }
        });
        Self {
            width,
            groups,
            points: points.collect(),
            half,
        }
    }

    /// Returns the time of `0..=width` units of one group, as fractions of the time of the unpruned model.
    ///
    /// The curve never falls. If more units were measured as faster, the measurement was disturbed, or the
    /// difference is too small to justify the removal of a unit.
    fn curve(&self) -> Vec<f64> {
        let measured = self.points.iter().map(|point| (point.kept, point.share));
        let mut measured: Vec<(usize, f64)> = measured.chain([(self.width, 1.0)]).collect();
        if let [(first, low), (second, high), ..] = measured[..]
            && first > 0
        {
            let slope = (high - low) / (second - first) as f64;
            measured.insert(0, (0, (low - slope * first as f64).max(0.0)));
        }
        let empty = measured[0].1;
        let mut curve: Vec<f64> = vec![0.0];
        for pair in measured.windows(2) {
            let ((from, low), (to, high)) = (pair[0], pair[1]);
            for count in from + 1..=to {
                let along = (count - from) as f64 / (to - from) as f64;
                let share = low + (high - low) * along - empty;
                let before = curve[count - 1];
                curve.push(before.max(share / self.groups.len() as f64));
            }
        }
        curve
    }
}

impl HalfTime {
    /// Returns the time that one head of each layer adds, besides that of its channels, as a fraction of the time of the
    /// unpruned model. `curves` holds the time of each group's units.
    fn overhead(&self, curves: &[Vec<f64>]) -> f64 {
        let channels = self.groups.iter().map(|&group| {
            let curve = &curves[group];
            let width = curve.len() - 1;
            curve[width] - curve[width / self.heads * self.kept]
        });
        let saved = 1.0 - self.share - channels.sum::<f64>();
        saved.max(0.0) / (self.heads - self.kept) as f64
    }
}
