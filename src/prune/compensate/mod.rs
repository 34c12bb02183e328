//! Compensating: the kept weights of every projection are solved again, bottom-up.
//!
//! In: the model, the masks, unlabelled rows. Out: one [`Linear`] for each projection that was worth
//! repairing. For each block the inputs are the kept units as the ALREADY PRUNED prefix gives them,
//! and the target is the original's sum before its norm minus the student's residual, so that what
//! went wrong upstream is absorbed here. Tokens count by what the logits make of them. A repair is
//! taken only if it lowers the error on rows that it was not fitted to. Reconstruction by least squares
//! follows Kwon et al. 2022 and K-prune (Park et al. 2024); the ridge leans toward the original weights,
//! and the bias is solved with them.

pub mod document;
mod judge;
pub mod moments;
pub mod sensitivity;
pub mod solve;
mod walk;

use candle_core::Result;

use super::failure::Failure;
use super::journal::Journal;
use super::lanes;
use super::prepare::Prepared;
use super::recipe::{Compensation, Recipe};
use super::report::CompensationReport;
use super::student::Student;
use super::watch::Watch;
use crate::model::mask::Masks;
use crate::model::nn::linear::Linear;
use judge::relative_error;
use moments::Moments;
pub use walk::{AT_ONCE, BATCH_TOKENS, judged};
use walk::{Problem, Walk};

/// The repaired projections.
#[derive(Clone, Debug, Default)]
pub struct Repairs {
    /// One entry a group; `None` where the original weights stay.
    pub projections: Vec<Option<Linear>>,
    /// What each repair did.
    pub reports: Vec<CompensationReport>,
}

impl Repairs {
    /// No repair: every original weight stays.
    #[must_use]
    pub fn none(groups: usize) -> Self {
        Self {
            projections: vec![None; groups],
            reports: Vec::new(),
        }
    }
}

/// Takes the repairs from the journal, or makes them and keeps them there; none where none are asked for.
///
/// # Errors
/// When asked to stop, or the journal cannot be read or written.
pub fn compensate_once(
    prepared: &Prepared,
    masks: &Masks,
    recipe: &Recipe,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> std::result::Result<Repairs, Failure> {
    if recipe.method.compensation == Compensation::None {
        return Ok(Repairs::none(masks.groups()));
    }
    let digest = document::digest(prepared, masks, recipe);
    let known = journal
        .load(document::NAME, &digest)?
        .and_then(|bytes| document::decode(&bytes, masks.groups(), &prepared.device));
    if let Some(repairs) = known {
        return Ok(repairs);
    }
    let repairs = compensate(prepared, masks, recipe, journal, watch)?;
    journal.store(document::NAME, &digest, &document::encode(&repairs)?)?;
    Ok(repairs)
}

/// Repairs every projection that lost inputs, or whose inputs changed. Of a block's activations a few
/// batches are in memory at a time, and those of the held-out rows.
///
/// # Errors
/// When asked to stop, or the graph fails.
pub fn compensate(
    prepared: &Prepared,
    masks: &Masks,
    recipe: &Recipe,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> std::result::Result<Repairs, Failure> {
    let model = prepared.model.as_ref();
    let blocks = model.groups().len();
    let mut student = Student::new(model, masks.clone())?;
    let mut walks = walk::set_out(prepared, recipe.method.token_weights, journal)?;
    let mut repairs = Repairs::none(blocks);
    let mut pruned = false;
    for (block, group) in model.groups().iter().enumerate() {
        watch.proceed()?;
        watch.progress(block as u64, blocks as u64);
        pruned |= !masks.is_full(block);
        let posed = pose(&mut walks, &student, block)?;
        // Before the first cut both models agree and there is nothing to solve.
        if pruned {
            let dtype = prepared.weights.dtype(&group.projection_weight);
            let (repaired, report) = repair(&posed, student.projection(block), recipe, |linear| {
                document::as_stored(linear, dtype)
            })?;
            repairs.reports.push(CompensationReport {
                group: group.name.clone(),
                ..report
            });
            if let Some(linear) = repaired {
                student.replace(block, linear.clone());
                repairs.projections[block] = Some(linear);
            }
        }
        drop(posed);
        let next = lanes::run(walks.len(), |index| {
            Ok(walks[index].output(&student, block)?)
        })?;
        for (walk, next) in walks.iter_mut().zip(next) {
            walk.student = next;
        }
    }
    watch.progress(blocks as u64, blocks as u64);
    Ok(repairs)
}

/// What all rows say of one block.
struct Posed {
    /// Of the rows that the fit sees.
    moments: Moments,
    /// Those that it is judged on.
    judges: Vec<Problem>,
}

/// Poses a block's problem, a few batches at a time, and takes the teacher over the block.
fn pose(
    walks: &mut [Walk],
    student: &Student<'_>,
    block: usize,
) -> std::result::Result<Posed, Failure> {
    let (outputs, inputs) = student.projection(block).weight().dims2()?;
    let mut moments = Moments::new(inputs, outputs);
    let mut judges = Vec::new();
    for some in walks.chunks_mut(lanes::lanes() * AT_ONCE) {
        let problems = lanes::run(some.len(), |index| Ok(some[index].pose(student, block)?))?;
        for (walk, (problem, teacher)) in some.iter_mut().zip(problems) {
            walk.teacher = teacher;
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

/// Solves one projection again. `stored` rounds it as the checkpoint will hold it.
fn repair(
    posed: &Posed,
    before: &Linear,
    recipe: &Recipe,
    stored: impl Fn(&Linear) -> Result<Linear>,
) -> std::result::Result<(Option<Linear>, CompensationReport), Failure> {
    let Posed { moments, judges } = posed;
    let error_before = relative_error(judges, before)?;
    let solved = match recipe.method.compensation {
        Compensation::LeastSquares => solve::solve(moments, before, recipe.method.ridge)?,
        Compensation::Bias => Some(solve::solve_bias(moments, before)?),
        Compensation::None => None,
    };
    let solved = solved.map(|linear| stored(&linear)).transpose()?;
    let error_after = match &solved {
        Some(linear) => relative_error(judges, linear)?,
        None => error_before,
    };
    let accepted = error_after < error_before;
    let report = CompensationReport {
        group: String::new(),
        error_before,
        error_after,
        accepted,
    };
    Ok((solved.filter(|_| accepted), report))
}
