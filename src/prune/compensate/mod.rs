//! Compensating: the kept weights of every projection are solved again, bottom-up.
//!
//! In: the model, the masks, unlabelled rows. Out: one [`Linear`] for each projection that was worth
//! repairing. For each block the inputs are the kept units as the ALREADY PRUNED prefix gives them,
//! and the target is the original's sum before its norm minus the student's residual, so that what
//! went wrong upstream is absorbed here. A repair is taken only if it lowers the error on rows that
//! it was not fitted to. Reconstruction by
//! least squares follows Kwon et al. 2022 and K-prune (Park et al. 2024); the ridge leans toward the
//! original weights, and the bias is solved with them.

pub mod document;
pub mod moments;
pub mod solve;

use candle_core::{Result, Tensor};

use super::failure::Failure;
use super::journal::Journal;
use super::lanes;
use super::prepare::Prepared;
use super::recipe::Recipe;
use super::report::CompensationReport;
use super::student::Student;
use super::watch::Watch;
use crate::model::mask::Masks;
use crate::model::nn::linear::Linear;
use moments::Moments;

/// Tokens that go through the graph at once.
const BATCH_TOKENS: usize = 2_048;

/// Every so many drawn rows one is held out of the fit.
const HOLD_OUT_EVERY: usize = 8;

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

/// Rows of one length on their way through both models.
struct Walk {
    held_out: bool,
    teacher: Tensor,
    student: Tensor,
}

/// One block's least-squares problem on one batch.
struct Problem {
    /// The kept units, `[tokens, kept * span]`.
    inputs: Tensor,
    /// What the projection should give, `[tokens, out]`.
    target: Tensor,
    residual: Tensor,
    teacher_next: Tensor,
}

/// Takes the repairs from the journal, or makes them and keeps them there.
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
    let digest = document::digest(prepared, masks, recipe);
    let known = journal
        .load(document::NAME, &digest)?
        .and_then(|bytes| document::decode(&bytes, masks.groups()));
    if let Some(repairs) = known {
        return Ok(repairs);
    }
    let repairs = compensate(prepared, masks, recipe, watch)?;
    journal.store(document::NAME, &digest, &document::encode(&repairs)?)?;
    Ok(repairs)
}

/// Repairs every projection that lost inputs, or whose inputs changed.
///
/// # Errors
/// When asked to stop, or the graph fails.
pub fn compensate(
    prepared: &Prepared,
    masks: &Masks,
    recipe: &Recipe,
    watch: &dyn Watch,
) -> std::result::Result<Repairs, Failure> {
    let model = prepared.model.as_ref();
    let blocks = model.groups().len();
    let mut student = Student::new(model, masks)?;
    let mut walks = set_out(prepared)?;
    let mut repairs = Repairs::none(blocks);
    let mut pruned = false;
    for (block, group) in model.groups().iter().enumerate() {
        watch.proceed()?;
        watch.progress(block as u64, blocks as u64);
        pruned |= !masks.is_full(block);
        let problems = lanes::run(walks.len(), |index| {
            Ok(pose(&student, block, &walks[index])?)
        })?;
        // Before the first cut both models agree and there is nothing to solve.
        if pruned {
            let dtype = prepared.weights.dtype(&group.projection_weight);
            let before = student.projection(block).clone();
            let (repaired, report) =
                repair(&walks, &problems, &before, recipe.method.ridge, |linear| {
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
        let next = lanes::run(walks.len(), |index| {
            Ok(step(&student, block, &problems[index])?)
        })?;
        for ((walk, problem), student) in walks.iter_mut().zip(problems).zip(next) {
            (walk.teacher, walk.student) = (problem.teacher_next, student);
        }
    }
    watch.progress(blocks as u64, blocks as u64);
    Ok(repairs)
}

fn set_out(prepared: &Prepared) -> std::result::Result<Vec<Walk>, Failure> {
    let rows = prepared.calibration.examples.len();
    let (held_out, fitted): (Vec<usize>, Vec<usize>) =
        (0..rows).partition(|row| row % HOLD_OUT_EVERY == HOLD_OUT_EVERY - 1);
    let mut walks = Vec::new();
    for (rows, held_out) in [(fitted, false), (held_out, true)] {
        for batch in prepared.calibration.batches_of(&rows, BATCH_TOKENS)? {
            let hidden = prepared.model.stem(&batch)?;
            walks.push(Walk {
                held_out,
                teacher: hidden.clone(),
                student: hidden,
            });
        }
    }
    Ok(walks)
}

fn pose(student: &Student<'_>, block: usize, walk: &Walk) -> Result<Problem> {
    let model = student.model;
    let units = model.units(block, &walk.teacher)?;
    let sum = (model.project(block, &units)? + model.residual(block, &walk.teacher)?)?;
    let residual = model.residual(block, &walk.student)?;
    Ok(Problem {
        inputs: student.units(block, &walk.student)?.flatten(0, 1)?,
        target: (&sum - &residual)?.flatten(0, 1)?,
        residual,
        teacher_next: model.finish(block, &sum)?,
    })
}

fn step(student: &Student<'_>, block: usize, problem: &Problem) -> Result<Tensor> {
    let projected = student.projection(block).forward(&problem.inputs)?;
    student.model.finish(
        block,
        &(projected.reshape(problem.residual.shape())? + &problem.residual)?,
    )
}

/// Solves one projection again. `stored` rounds it as the checkpoint will hold it.
fn repair(
    walks: &[Walk],
    problems: &[Problem],
    before: &Linear,
    ridge: f64,
    stored: impl Fn(&Linear) -> Result<Linear>,
) -> std::result::Result<(Option<Linear>, CompensationReport), Failure> {
    let (outputs, inputs) = before.weight().dims2()?;
    let mut moments = Moments::new(inputs, outputs);
    for (_, problem) in walks
        .iter()
        .zip(problems)
        .filter(|(walk, _)| !walk.held_out)
    {
        moments.add(&problem.inputs, &problem.target)?;
    }
    let held_out = walks.iter().zip(problems).any(|(walk, _)| walk.held_out);
    // With too few rows to hold some out, the fit itself is the judge.
    let judged = || {
        walks
            .iter()
            .zip(problems)
            .filter(|(walk, _)| walk.held_out || !held_out)
            .map(|(_, problem)| problem)
    };
    let error_before = relative_error(judged(), before)?;
    let solved = solve::solve(&moments, before, ridge)?
        .map(|linear| stored(&linear))
        .transpose()?;
    let error_after = match &solved {
        Some(linear) => relative_error(judged(), linear)?,
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

/// `||Y - projection(X)||^2 / ||Y - mean Y||^2` over these problems.
fn relative_error<'a>(
    problems: impl Iterator<Item = &'a Problem>,
    projection: &Linear,
) -> Result<f64> {
    let (mut error, mut count) = (0.0, 0);
    let (mut sum, mut squares): (Option<Tensor>, f64) = (None, 0.0);
    for problem in problems {
        let missed = (&problem.target - projection.forward(&problem.inputs)?)?;
        error += f64::from(missed.sqr()?.sum_all()?.to_scalar::<f32>()?);
        squares += f64::from(problem.target.sqr()?.sum_all()?.to_scalar::<f32>()?);
        let here = problem.target.sum(0)?;
        sum = Some(match sum {
            Some(sum) => (sum + here)?,
            None => here,
        });
        count += problem.target.dims()[0];
    }
    let Some(sum) = sum else { return Ok(0.0) };
    let variance = squares - f64::from(sum.sqr()?.sum_all()?.to_scalar::<f32>()?) / count as f64;
    Ok(error / variance.max(f64::MIN_POSITIVE))
}
