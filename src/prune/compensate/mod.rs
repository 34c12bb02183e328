//! Repair of the pruned model: the weights of the projections are fitted again, from the first block to the last.
//!
//! Input: the model, the masks, unlabeled rows. Output: one [`Linear`] for each projection whose repair
//! lowers the error.
//!
//! - The inputs of a block's problem are the kept units as computed by the prefix that is ALREADY PRUNED.
//! - The target is the original's sum before its norm minus the student's residual, so that the repair also
//!   corrects errors of earlier blocks.
//! - Positions are weighted by their influence on the answers. Of the maps of a convolutional network a sample of the
//!   positions is fitted, all weighted equally.
//! - The ridge pulls toward the original weights, and the bias is fitted together with the weights.
//! - A repair is used only if it lowers the error on held-out rows.
//!
//! Reconstruction by least squares follows Kwon et al. 2022 and K-prune (Park et al. 2024).

pub mod document;
mod judge;
pub mod moments;
pub mod places;
pub mod sensitivity;
pub mod solve;
mod walk;

use candle_core::Result;

use super::failure::Failure;
use super::journal::{self, Journal};
use super::lanes;
use super::prepare::Prepared;
use super::recipe::{Compensation, Recipe};
use super::repairs::Repairs;
use super::report::CompensationReport;
use super::student::Student;
use super::watch::Watch;
use crate::model::chain::Model;
use crate::model::mask::Masks;
use crate::model::nn::linear::Linear;
use judge::relative_error;
use moments::Moments;
pub use walk::{AT_ONCE, BATCH_POSITIONS, KEPT_BYTES, judged};
use walk::{Problem, Walks};

/// Returns the repairs from the journal, or computes and stores them. Returns no repairs if the recipe has no
/// compensation.
///
/// # Errors
/// Returns an error if the job must stop, or if the journal cannot be read or written.
pub fn compensate_once(
    prepared: &Prepared,
    masks: &Masks,
    recipe: &Recipe,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> std::result::Result<Repairs, Failure> {
    if recipe.method.compensation == Compensation::None {
        return Ok(Repairs::none(prepared.model.blocks.len()));
    }
    let blocks = prepared.model.blocks.len();
    journal::remember(
        journal,
        document::NAME,
        &document::digest(prepared, masks, recipe),
        |bytes| document::decode(bytes, blocks, &prepared.device),
        document::encode,
        || compensate(prepared, masks, recipe, journal, watch),
    )
}

/// Repairs every projection that lost inputs or whose inputs changed.
///
/// Only a few batches of a block's activations are in memory at the same time, and those of the held-out rows.
///
/// # Errors
/// Returns an error if the job must stop or if the graph fails.
pub fn compensate(
    prepared: &Prepared,
    masks: &Masks,
    recipe: &Recipe,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> std::result::Result<Repairs, Failure> {
    compensate_within(KEPT_BYTES, prepared, masks, recipe, journal, watch)
}

/// Does the same as [`compensate`], and keeps at most `budget` bytes of hidden states. It computes the others again.
///
/// # Errors
/// See [`compensate`].
pub fn compensate_within(
    budget: usize,
    prepared: &Prepared,
    masks: &Masks,
    recipe: &Recipe,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> std::result::Result<Repairs, Failure> {
    let (model, original) = (&prepared.model, prepared.original());
    let blocks = model.blocks.len();
    let mut student = Student::new(model, masks.clone())?;
    let (batches, of_fit) = walk::divide(prepared);
    let mut walks = Walks::start(prepared, (&batches, of_fit), recipe, journal, budget)?;
    let mut repairs = Repairs::none(blocks);
    let mut pruned = false;
    let extent = prepared.calibration.extent();
    let merged = model.extents(&extent).into_iter();
    let mut merged = merged.zip(original.extents(&extent));
    for (block, own) in model.blocks.iter().enumerate() {
        watch.proceed()?;
        watch.progress(block as u64, blocks as u64);
        pruned |= !masks.are_full(&model.groups_at(block));
        pruned |= merged.next().is_some_and(|(own, other)| own != other);
        let posed = pose(&mut walks, original, &student, block)?;
        // Before the first block that lost units or positions both models are equal, and there is nothing to repair.
        if pruned {
            let (repaired, report) = repair(
                &posed,
                student.projection(block).linear(),
                recipe,
                |linear| {
                    let dtype = |name: &str| prepared.weights.dtype(name);
                    let round = |name: &str, values: &_| document::as_stored(values, dtype(name));
                    own.projection.rounded(linear, round)
                },
            )?;
            repairs.reports.push(CompensationReport {
                group: model.block_name(block),
                ..report
            });
            if let Some(linear) = repaired {
                student.replace(block, linear.clone())?;
                repairs.projections[block] = Some(linear);
            }
        }
        drop(posed);
        walks.advance(original, &student, block)?;
    }
    watch.progress(blocks as u64, blocks as u64);
    Ok(repairs)
}

/// Factors of the ridge that are tried. The one with the smallest error on the held-out rows is used: blocks with few
/// positions, such as those after a selection of one position per row, need a stronger ridge.
const RIDGES: [f64; 3] = [1.0, 10.0, 100.0];

/// The least-squares problem of one block over all rows.
struct Posed {
    /// Moments of the rows that are fitted.
    moments: Moments,
    /// Problems of the rows on which the fit is evaluated.
    judges: Vec<Problem>,
}

/// Builds a block's problem, a few batches at a time, and advances the teacher by the block.
fn pose(
    walks: &mut Walks<'_>,
    original: &Model,
    student: &Student<'_>,
    block: usize,
) -> std::result::Result<Posed, Failure> {
    let (outputs, inputs) = student.projection(block).linear().weight().dims2()?;
    let mut moments = Moments::new(inputs, outputs);
    let mut judges = Vec::new();
    let advances = walks.kept[block + 1];
    for some in walks.all.chunks_mut(lanes::lanes() * AT_ONCE) {
        let problems = lanes::run(some.len(), |index| {
            some[index].pose(original, student, block, advances)
        })?;
        for (walk, (problem, teacher)) in some.iter_mut().zip(problems) {
            walk.lead(teacher);
            if walk.part.fits {
                moments.add(&problem.inputs, &problem.target, problem.weights.as_ref())?;
            }
            if walk.part.judges {
                judges.push(problem);
            }
        }
    }
    Ok(Posed { moments, judges })
}

/// Fits one projection again. `stored` rounds it to the type in which the checkpoint stores it.
fn repair(
    posed: &Posed,
    before: &Linear,
    recipe: &Recipe,
    stored: impl Fn(&Linear) -> Result<Linear>,
) -> std::result::Result<(Option<Linear>, CompensationReport), Failure> {
    let Posed { moments, judges } = posed;
    let error_before = relative_error(judges, before)?;
    let solutions: Vec<Option<Linear>> = match recipe.method.compensation {
        Compensation::LeastSquares => RIDGES
            .iter()
            .map(|factor| solve::solve(moments, before, factor * recipe.method.ridge))
            .collect::<std::result::Result<_, Failure>>()?,
        Compensation::Bias => vec![solve::solve_bias(moments, before)?],
        Compensation::None => Vec::new(),
    };
    let (mut solved, mut error_after) = (None, error_before);
    for linear in solutions.into_iter().flatten() {
        let linear = stored(&linear)?;
        let error = relative_error(judges, &linear)?;
        if solved.is_none() || error < error_after {
            (solved, error_after) = (Some(linear), error);
        }
    }
    let accepted = error_after < error_before;
    let report = CompensationReport {
        group: String::new(),
        error_before,
        error_after,
        accepted,
    };
    Ok((solved.filter(|_| accepted), report))
}
