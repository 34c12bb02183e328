//! Sketched scores: estimates from random probes. Each probe needs one backward pass for all units together.
//!
//! Near the unpruned model, the change of a row's Gram matrix `G_z` and of its answers is linear in the masks. A unit's
//! manifold term over the later features `z` is therefore the mean over the rows of `sum_z ||dG_z/dm_i||^2`, and its
//! answer term is a quadratic form.
//!
//! The other [feature terms](crate::prune::recipe::FeatureTerm) compare vectors instead of Gram matrices, in the same way.
//!
//! Let `R_z` be a probe with `E <R_z, X>^2 = ||X||^2`, sampled independently for each row and feature. Then
//! `g_i = d/dm_i sum_z <R_z, G_z>` has `E g_i^2 = sum_z ||dG_z/dm_i||^2`. This is the sum of the manifold terms on the scale
//! of the exact ones (the trajectory `mean` divides by their number later). Rows do not depend on each other, so one
//! backward pass gives `g_i` of every row with a probe of its own, and the mean of `g_i^2` over the rows averages over
//! as many probes as there are rows. The form of the answers is decomposed by the task rather than sampled.
//!
//! Input: the teacher. Output: [`UnitScores`] with one column per unit. The module uses the chain of
//! blocks and does not depend on an architecture.
//! Source: Hutchinson's estimator on the Gauss-Newton matrix of the paper's losses (section 3).

mod per_unit;
mod piece;
mod probe;

use super::super::failure::Failure;
use super::super::lanes;
use super::super::recipe::Method;
use super::scores::UnitScores;
use super::teacher::Teacher;
use crate::answer::task::Form;
use crate::statistics::spearman;
use per_unit::{PerUnit, add, zeros};
pub use piece::TRACED_POSITIONS;
use probe::Probes;

/// Number of probes in a round. The reliability is checked after each round.
pub const ROUND: usize = 8;

/// Stopping rule for the number of probes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// Maximum number of probes.
    pub most: usize,
    /// Reliability at which sampling stops.
    pub reliability: f64,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            most: 32,
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
    let form = Form {
        temperature: method.temperature,
        seed,
    };
    let mut answers = zeros(teacher, wanted);
    // Sums over the rows and over the even and the odd probes.
    let mut halves = [0, 1].map(|_| zeros(teacher, wanted));
    let (mut probes, mut reliability) = (0, 0.0);
    while probes < stop.most {
        let round = probes..stop.most.min(probes + ROUND);
        let parts = lanes::run(pieces.len(), |index| {
            progress(probes)?;
            let piece = &pieces[index];
            let trace = piece.trace(teacher, wanted)?;
            let answers = match probes {
                0 => Some(piece.answers(teacher, &trace, form, wanted)?),
                _ => None,
            };
            let probes = Probes {
                term: method.feature_term,
                seed,
                range: round.clone(),
            };
            let squares = piece.squares(teacher, &trace, &probes, wanted)?;
            Ok((answers, squares))
        })?;
        for (of_answers, squares) in parts {
            of_answers.iter().for_each(|part| add(&mut answers, part));
            for (probe, squares) in round.clone().zip(&squares) {
                add(&mut halves[probe % 2], squares);
            }
        }
        probes = round.end;
        reliability = agreement(teacher, &halves);
        if reliability >= stop.reliability {
            break;
        }
    }
    progress(probes)?;
    let rows = teacher.rows() as f64;
    let [even, odd] = halves;
    let groups = even.into_iter().zip(odd).zip(answers).enumerate();
    let groups = groups.map(|(group, ((even, odd), answers))| {
        wanted[group].then(|| UnitScores {
            features: teacher.features_after(teacher.model.groups[group].seat.block),
            manifold: even
                .into_iter()
                .zip(odd)
                .map(|(even, odd)| (even + odd) / (rows * probes as f64))
                .collect(),
            answers: answers.into_iter().map(|sum| sum / rows).collect(),
        })
    });
    Ok(Sketch {
        groups: groups.collect(),
        probes,
        reliability,
    })
}

/// Returns the reliability: the expected correlation with the estimates from as many other probes.
fn agreement(teacher: &Teacher<'_>, halves: &[PerUnit; 2]) -> f64 {
    let [even, odd] = halves.each_ref().map(|half| -> Vec<f64> {
        let groups = half.iter().zip(&teacher.model.groups);
        let units = groups.flat_map(|(units, group)| {
            let features = teacher.features_after(group.seat.block).max(1) as f64;
            units.iter().map(move |unit| unit / features)
        });
        units.collect()
    });
    let alike = spearman(&even, &odd);
    if alike > 0.0 {
        2.0 * alike / (1.0 + alike)
    } else {
        0.0
    }
}
