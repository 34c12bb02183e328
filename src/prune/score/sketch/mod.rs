//! Sketched scores: random probes, and one way back through the graph a probe for all units at once.
//!
//! Near the unpruned model the change of a Gram matrix `G_z` and of the logits is linear in the masks,
//! so a unit's manifold term over the features `z` that follow is `sum_z ||dG_z/dm_i||^2` and its
//! logits' term is a quadratic form. For a probe `R_z` with `E <R_z, X>^2 = ||X||^2`, drawn for
//! each feature on its own, `g_i = d/dm_i sum_z <R_z, G_z>` has `E g_i^2 = sum_z ||dG_z/dm_i||^2`:
//! the sum of the terms, in the scale of the exact ones (`mean` divides by their number later);
//! how many probes become one number is told in `tally.rs`, what sets a group's scale in `anchor.rs`.
//! The logits' form (`logits.rs`) is taken apart rather than sampled. In: the teacher. Out:
//! [`UnitScores`] of one column a unit. It knows the chain of blocks and never an architecture.
//! Source: Hutchinson's estimator on the Gauss-Newton matrix of the paper's losses (section 3).

pub mod anchor;
pub(in crate::prune) mod logits;
mod piece;
mod probe;
mod tally;
pub(in crate::prune) mod trace;

use candle_core::Result;

use super::super::failure::Failure;
use super::super::lanes;
use super::super::recipe::Method;
use super::UnitScores;
use super::teacher::Teacher;
use crate::model::differentiable::Differentiable;
use crate::prune::verify::metric::spearman;
use piece::Piece;
pub use piece::TRACED_TOKENS;
pub use probe::MAX_TERMS;
use tally::Tally;

/// Probes that go together; the reliability is looked at after each round.
pub const ROUND: usize = 16;

/// When there are enough probes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// Never fewer.
    pub least: usize,
    /// Never more.
    pub most: usize,
    /// Reliability at which they are enough.
    pub reliability: f64,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            least: 32,
            most: 64,
            reliability: 0.98,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sketch {
    /// The scores of each group; `None` where they were not wanted.
    pub groups: Vec<Option<UnitScores>>,
    /// Probes that were drawn.
    pub probes: usize,
    /// `2r / (1 + r)`, where `r` is Spearman's correlation between odd and even probes.
    pub reliability: f64,
}

/// Scores all units of the wanted groups. `progress` hears how many probes are done and may stop
/// the work.
///
/// # Errors
/// What `progress` answers, or a fault of ours.
pub fn score(
    teacher: &Teacher<'_>,
    back: &dyn Differentiable,
    method: &Method,
    seed: u64,
    wanted: &[bool],
    stop: Stop,
    progress: &(dyn Fn(usize) -> std::result::Result<(), Failure> + Sync),
) -> std::result::Result<Sketch, Failure> {
    let pieces = piece::pieces(teacher)?;
    let logits = logits_terms(teacher, back, method, seed, wanted, &pieces, progress)?;
    let source = probe::Source::new(teacher, seed)?;
    let mut tally = Tally::new(&zeros(teacher, wanted));
    let (mut probes, mut reliability) = (0, 0.0);
    while probes < stop.most {
        let count = ROUND.min(stop.most - probes);
        let drawn = source.draw(probes, count)?;
        let parts = lanes::run(pieces.len(), |index| {
            progress(probes)?;
            Ok(pieces[index].derivatives(teacher, back, &drawn, wanted)?)
        })?;
        for probe in 0..count {
            let (mut whole, mut apart) = (zeros(teacher, wanted), zeros(teacher, wanted));
            for part in &parts {
                add(&mut whole, &part[probe].whole);
                add(&mut apart, &part[probe].apart);
            }
            tally.add(drawn.number(probe), &whole, &apart);
        }
        probes += count;
        reliability = agreement(teacher, &tally);
        if probes >= stop.least && reliability >= stop.reliability {
            break;
        }
    }
    progress(probes)?;
    let groups = logits.into_iter().enumerate().map(|(block, logits)| {
        wanted[block].then(|| UnitScores {
            features: teacher.features_after(block),
            manifold: tally.estimate(block).units,
            logits,
        })
    });
    Ok(Sketch {
        groups: groups.collect(),
        probes,
        reliability,
    })
}

/// One number a unit; none for a group that is not wanted.
type PerUnit = Vec<Vec<f64>>;

fn zeros(teacher: &Teacher<'_>, wanted: &[bool]) -> PerUnit {
    let groups = teacher.model.groups().iter().zip(wanted);
    groups
        .map(|(group, &wanted)| vec![0.0; if wanted { group.width } else { 0 }])
        .collect()
}

/// Adds unit by unit.
fn add(totals: &mut PerUnit, part: &PerUnit) {
    for (totals, units) in totals.iter_mut().zip(part) {
        for (total, unit) in totals.iter_mut().zip(units) {
            *total += unit;
        }
    }
}

/// How well the probes would agree with as many others.
fn agreement(teacher: &Teacher<'_>, tally: &Tally) -> f64 {
    let (mut even, mut odd) = (Vec::new(), Vec::new());
    for block in 0..teacher.features.len() {
        let features = teacher.features_after(block).max(1) as f64;
        let [even_half, odd_half] = tally.estimate(block).halves;
        even.extend(even_half.into_iter().map(|unit| unit / features));
        odd.extend(odd_half.into_iter().map(|unit| unit / features));
    }
    let alike = spearman(&even, &odd);
    if alike > 0.0 {
        2.0 * alike / (1.0 + alike)
    } else {
        0.0
    }
}

fn logits_terms(
    teacher: &Teacher<'_>,
    back: &dyn Differentiable,
    method: &Method,
    seed: u64,
    wanted: &[bool],
    pieces: &[Piece],
    progress: &(dyn Fn(usize) -> std::result::Result<(), Failure> + Sync),
) -> std::result::Result<PerUnit, Failure> {
    let parts = lanes::run(pieces.len(), |index| {
        progress(0)?;
        let form = logits::Form {
            problem: teacher.model.problem(),
            temperature: method.temperature,
            seed,
        };
        Ok(pieces[index].logits(teacher, back, &form, wanted)?)
    })?;
    let rows: usize = pieces.iter().map(Piece::rows).sum();
    let mut totals = zeros(teacher, wanted);
    for part in parts {
        for (totals, units) in totals.iter_mut().zip(part) {
            for (total, unit) in totals.iter_mut().zip(units) {
                *total += unit / rows as f64;
            }
        }
    }
    Ok(totals)
}

/// A sum over `[count, width]` rows of f32 into f64.
fn add_rows(totals: &mut [f64], rows: &[f32], each: impl Fn(f64) -> f64) {
    for row in rows.chunks_exact(totals.len().max(1)) {
        for (total, &value) in totals.iter_mut().zip(row) {
            *total += each(f64::from(value));
        }
    }
}

/// Marks which blocks need the way back at all: down to the first wanted one.
fn lowest(wanted: &[bool]) -> Result<usize> {
    match wanted.iter().position(|&wanted| wanted) {
        Some(block) => Ok(block),
        None => candle_core::bail!("no group of units is to be scored"),
    }
}
