//! Repair of the pruned model: the maps of each block are fitted again, from the first block to the last.
//!
//! Input: the model, the masks, unlabeled rows. Output: one [`Linear`] for each map whose repair lowers the error.
//!
//! - The inputs of a block's problem are the kept units as computed by the prefix that is ALREADY PRUNED.
//! - The target is the original's sum before its norm minus the student's residual, so that the repair also
//!   corrects errors of earlier blocks.
//! - Positions are weighted by their influence on the answers. Of the maps of a convolutional network a sample of the
//!   positions is fitted, all weighted equally.
//! - The entry of a block, the map that computes its units, is fitted together with the projection ([`joint`]).
//! - The ridge pulls toward the original weights, and the bias is fitted together with the weights.
//! - A repair is used only if it lowers the error on held-out rows.
//!
//! Reconstruction by least squares follows Kwon et al. 2022 and K-prune (Park et al. 2024).

mod division;
pub mod document;
pub mod example;
pub mod joint;
mod judge;
mod kept;
pub mod moments;
pub mod places;
pub mod sensitivity;
pub mod solve;
mod walk;

use candle_core::{Result, Tensor};

use super::failure::Failure;
use super::journal::{self, Journal};
use super::lanes;
use super::prepare::Prepared;
use super::recipe::{Compensation, Method, Recipe};
use super::repairs::Repairs;
use super::report::CompensationReport;
use super::student::Student;
use super::watch::Watch;
use crate::model::chain::Model;
use crate::model::mask::Masks;
use crate::model::nn::linear::Linear;
use joint::Pair;

pub use division::{BATCH_POSITIONS, fitted, judged};
use judge::relative_error;
pub use kept::KEPT_BYTES;
use moments::Moments;
pub use walk::{AT_ONCE, JOINT_BYTES, JOINT_POSITIONS};
use walk::{Followed, Problem, Walks};

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

/// Repairs the maps of every block that lost units or whose input changed.
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
    let (batches, of_fit) = division::divide(prepared);
    let all = (&batches, of_fit);
    let mut walks = Walks::start(prepared, all, Followed::Both, recipe, journal, budget)?;
    let mut repairs = Repairs::none(blocks);
    let repairer = Repairer {
        prepared,
        method: recipe.method.for_model(&model.reads),
    };
    let mut pruned = false;
    let extent = prepared.calibration.extent();
    let merged = model.extents(&extent).into_iter();
    let mut merged = merged.zip(original.extents(&extent));
    for block in 0..blocks {
        watch.proceed()?;
        watch.progress(block as u64, blocks as u64);
        pruned |= !masks.are_full(&model.groups_at(block));
        pruned |= merged.next().is_some_and(|(own, other)| own != other);
        // Before the first block that lost units or positions both models are equal, and there is nothing to repair.
        if pruned {
            let report = repairer.block(&mut walks, &mut student, block, &mut repairs)?;
            repairs.reports.push(report);
        } else {
            pose(&mut walks, original, &student, block, true)?;
        }
        walks.advance(original, &student, block)?;
    }
    watch.progress(blocks as u64, blocks as u64);
    Ok(repairs)
}

/// Visits each block of the unpruned model with the moments of its projection's inputs and outputs on the calibration rows that a
/// repair would fit.
///
/// # Errors
/// Returns an error of `visit`, or an error if the job must stop or if the graph fails.
pub fn visit_moments(
    prepared: &Prepared,
    recipe: &Recipe,
    journal: &dyn Journal,
    watch: &dyn Watch,
    mut visit: impl FnMut(usize, &Moments) -> std::result::Result<(), Failure>,
) -> std::result::Result<(), Failure> {
    let model = prepared.original();
    let student = Student::new(model, Masks::full(&model.groups))?;
    let (batches, of_fit) = division::divide(prepared);
    let all = (&batches, of_fit);
    let mut walks = Walks::start(
        prepared,
        all,
        Followed::Original,
        recipe,
        journal,
        KEPT_BYTES,
    )?;
    for block in 0..model.blocks.len() {
        watch.proceed()?;
        let Posed { moments, judges } = pose(&mut walks, model, &student, block, true)?;
        drop(judges);
        visit(block, &moments)?;
        walks.advance(model, &student, block)?;
    }
    Ok(())
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

/// Builds a block's problem, a few batches at a time. Advances the original by the block if `advances`.
fn pose(
    walks: &mut Walks<'_>,
    original: &Model,
    student: &Student<'_>,
    block: usize,
    advances: bool,
) -> std::result::Result<Posed, Failure> {
    let (outputs, inputs) = student.projection(block).linear().weight().dims2()?;
    let mut moments = Moments::new(inputs, outputs);
    let mut judges = Vec::new();
    let advances = advances && walks.kept[block + 1];
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

/// Repairs one block after another.
struct Repairer<'a> {
    prepared: &'a Prepared,
    method: Method,
}

impl Repairer<'_> {
    /// Repairs the maps of one block in the student, and adds them to the repairs.
    fn block(
        &self,
        walks: &mut Walks<'_>,
        student: &mut Student<'_>,
        block: usize,
        repairs: &mut Repairs,
    ) -> std::result::Result<CompensationReport, Failure> {
        let original = self.prepared.original();
        let entry = match self.method.compensation {
            Compensation::Joint => student.kept_entry(block)?,
            _ => None,
        };
        let entry = entry.filter(|entry| entry.linear().outputs() > 0);
        let posed = pose(walks, original, student, block, entry.is_none())?;
        let mut fit = self.projection(&posed, student, block)?;
        drop(posed);
        if let Some(linear) = &fit.solved {
            student.replace(block, linear.clone())?;
        }
        if let Some(entry) = entry {
            let linear = joint::fit(
                &walks.examples(original, student, block)?,
                Pair::of(student, block, &entry),
                self.method.ridge,
            )?;
            let linear = entry.rounded(&linear, self.rounding())?;
            student.replace_entry(block, Some(linear.clone()))?;
            let posed = pose(walks, original, student, block, true)?;
            let with_entry = self.projection(&posed, student, block)?;
            if with_entry.error_after < fit.error_after {
                repairs.entries[block] = Some(linear);
                if let Some(linear) = &with_entry.solved {
                    student.replace(block, linear.clone())?;
                }
                fit = Fit {
                    solved: with_entry.solved.or(fit.solved),
                    error_before: fit.error_before,
                    error_after: with_entry.error_after,
                };
            } else {
                student.replace_entry(block, None)?;
            }
        }
        let accepted = fit.solved.is_some() || repairs.entries[block].is_some();
        repairs.projections[block] = fit.solved;
        Ok(CompensationReport {
            group: self.prepared.model.block_name(block),
            error_before: fit.error_before,
            error_after: fit.error_after,
            accepted,
        })
    }

    /// Fits the projection of a block again.
    fn projection(
        &self,
        posed: &Posed,
        student: &Student<'_>,
        block: usize,
    ) -> std::result::Result<Fit, Failure> {
        let Posed { moments, judges } = posed;
        let before = student.projection(block).linear();
        let error_before = relative_error(judges, before)?;
        let solutions: Vec<Option<Linear>> = match self.method.compensation {
            Compensation::Joint | Compensation::LeastSquares => RIDGES
                .iter()
                .map(|factor| solve::solve(moments, before, factor * self.method.ridge))
                .collect::<std::result::Result<_, Failure>>()?,
            Compensation::Bias => vec![solve::solve_bias(moments, before)?],
            Compensation::Auto | Compensation::None => Vec::new(),
        };
        let mut fit = Fit {
            solved: None,
            error_before,
            error_after: error_before,
        };
        let stored = &self.prepared.model.blocks[block].projection;
        for linear in solutions.into_iter().flatten() {
            let linear = stored.rounded(&linear, self.rounding())?;
            let error = relative_error(judges, &linear)?;
            if error < fit.error_after {
                (fit.solved, fit.error_after) = (Some(linear), error);
            }
        }
        Ok(fit)
    }

    /// Returns a function that rounds values to the type in which the checkpoint stores the tensor of this name.
    fn rounding(&self) -> impl Fn(&str, &Tensor) -> Result<Tensor> {
        |name, values| document::as_stored(values, self.prepared.weights.dtype(name))
    }
}

/// The fit of one projection.
struct Fit {
    /// The fitted map. `None` if no fit lowers the error.
    solved: Option<Linear>,
    /// Relative error on the rows that judge, with the map before the fit.
    error_before: f64,
    /// The same with the fitted map.
    error_after: f64,
}
