//! Sketched scores: estimates from random probes. Each probe needs one backward pass for all units together.
//!
//! Near the unpruned model, the change of a Gram matrix `G_z` and of the answers is linear in the masks.
//! A unit's manifold term over the later features `z` is therefore `sum_z ||dG_z/dm_i||^2`, and its
//! answer term is a quadratic form.
//!
//! Let `R_z` be a probe with `E <R_z, X>^2 = ||X||^2`, sampled independently for each feature. Then
//! `g_i = d/dm_i sum_z <R_z, G_z>` has `E g_i^2 = sum_z ||dG_z/dm_i||^2`. This is the sum of the manifold
//! terms on the scale of the exact ones (the trajectory `mean` divides by their number later).
//! `tally.rs` combines the probes to one estimate, and `anchor.rs` sets the scale of each group. The
//! form of the answers is decomposed by the task rather than sampled.
//!
//! Input: the teacher. Output: [`UnitScores`] with one column per unit. The module uses the chain of
//! blocks and does not depend on an architecture.
//! Source: Hutchinson's estimator on the Gauss-Newton matrix of the paper's losses (section 3).

pub mod anchor;
mod per_unit;
mod piece;
mod probe;
mod tally;

use super::super::failure::Failure;
use super::super::lanes;
use super::super::recipe::Method;
use super::scores::UnitScores;
use super::teacher::Teacher;
use crate::answer::task::Form;
use crate::statistics::spearman;
use per_unit::{PerUnit, add, zeros};
use piece::Piece;
pub use piece::TRACED_POSITIONS;
pub use probe::MAX_TERMS;
use tally::Tally;

/// Number of probes in a round. The reliability is checked after each round.
pub const ROUND: usize = 16;

/// Stopping rule for the number of probes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// Minimum number of probes.
    pub least: usize,
    /// Maximum number of probes.
    pub most: usize,
    /// Reliability at which sampling stops.
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

/// Sketched scores and their reliability.
#[derive(Clone, Debug, PartialEq)]
pub struct Sketch {
    /// The scores of each group. `None` for groups that were not wanted.
    pub groups: Vec<Option<UnitScores>>,
    /// Number of probes used.
    pub probes: usize,
    /// `2r / (1 + r)`, where `r` is Spearman's correlation between odd and even probes.
    pub reliability: f64,
}

/// Scores all units of the wanted groups. `progress` receives the number of completed probes and may stop
/// the work.
///
/// # Errors
/// Returns the failure of `progress`, or [`Internal`](crate::prune::failure::Code::Internal) if the graph fails.
pub fn score(
    teacher: &Teacher<'_>,
    method: &Method,
    seed: u64,
    wanted: &[bool],
    stop: Stop,
    progress: &(dyn Fn(usize) -> std::result::Result<(), Failure> + Sync),
) -> std::result::Result<Sketch, Failure> {
    let pieces = piece::pieces(teacher)?;
    let answers = answer_terms(teacher, method, seed, wanted, &pieces, progress)?;
    let source = probe::Source::new(teacher, seed)?;
    let mut tally = Tally::new(&zeros(teacher, wanted));
    let (mut probes, mut reliability) = (0, 0.0);
    while probes < stop.most {
        let count = ROUND.min(stop.most - probes);
        let drawn = source.draw(probes, count)?;
        let parts = lanes::run(pieces.len(), |index| {
            progress(probes)?;
            Ok(pieces[index].derivatives(teacher, &drawn, wanted)?)
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
    let groups = answers.into_iter().enumerate().map(|(group, answers)| {
        wanted[group].then(|| UnitScores {
            features: teacher.features_after(teacher.model.groups[group].seat.block),
            manifold: tally.estimate(group).units,
            answers,
        })
    });
    Ok(Sketch {
        groups: groups.collect(),
        probes,
        reliability,
    })
}

/// Returns the reliability: the expected correlation with the estimates from as many other probes.
fn agreement(teacher: &Teacher<'_>, tally: &Tally) -> f64 {
    let (mut even, mut odd) = (Vec::new(), Vec::new());
    for (index, group) in teacher.model.groups.iter().enumerate() {
        let features = teacher.features_after(group.seat.block).max(1) as f64;
        let [even_half, odd_half] = tally.estimate(index).halves;
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

/// Returns the answer term of every unit, as the mean over the rows.
fn answer_terms(
    teacher: &Teacher<'_>,
    method: &Method,
    seed: u64,
    wanted: &[bool],
    pieces: &[Piece],
    progress: &(dyn Fn(usize) -> std::result::Result<(), Failure> + Sync),
) -> std::result::Result<PerUnit, Failure> {
    let parts = lanes::run(pieces.len(), |index| {
        progress(0)?;
        let form = Form {
            temperature: method.temperature,
            seed,
        };
        Ok(pieces[index].answers(teacher, form, wanted)?)
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
