//! What the removal of units costs after a repair: one measured curve per block.
//!
//! The scores describe the removal of one unit without a repair. A repair mends most of the damage of some removals and little of
//! others, and the damage of many removals is not the sum of the damages of each. For each group of units:
//!
//! 1. The [elimination] orders the units by the error that is left after least squares.
//! 2. After each quarter of the units, the projection of this block alone is fitted again, and the divergence of the answers is
//!    measured on the scoring rows.
//! 3. The [curve] gives each unit a step, and the importance of a unit is the geometric mean of its step and of the score of
//!    the same rank ([`Curve::importance`]).
//!
//! Groups of attention heads and of inner channels have no curve, and neither have projections that read other columns as well.

pub mod cost;
pub mod curve;
pub mod document;
pub mod elimination;

use super::compensate::{self, moments::Moments, solve};
use super::failure::Failure;
use super::journal::{self, Journal};
use super::lanes;
use super::prepare::Prepared;
use super::recipe::{Importance, Recipe};
use super::score::teacher::Teacher;
use super::student::Student;
use super::watch::Watch;
use crate::model::chain::Model;
use crate::model::layer::Layer;
use crate::model::mask::Masks;
use crate::prune::answers::Answers;
use curve::Curve;
use elimination::Elimination;

/// Number of points of a curve.
const POINTS: usize = 4;

/// Whether the method of the recipe uses curves.
#[must_use]
pub fn are_wanted(model: &Model, recipe: &Recipe) -> bool {
    recipe.method.for_model(&model.reads).importance == Importance::AfterRepair
}

/// Returns the curves of all groups from the journal, or measures and stores them. `progress` gets the number of units in the
/// completed blocks.
///
/// # Errors
/// Returns an error if the job must stop, if the graph fails, or if the journal cannot be read or written.
pub fn measure_once(
    prepared: &Prepared,
    teacher: &Teacher<'_>,
    recipe: &Recipe,
    journal: &dyn Journal,
    watch: &dyn Watch,
    progress: &dyn Fn(u64),
) -> Result<Vec<Option<Curve>>, Failure> {
    let groups = &prepared.model.groups;
    let widths: Vec<usize> = groups.iter().map(|group| group.width).collect();
    journal::remember(
        journal,
        document::NAME,
        &document::digest(prepared, recipe),
        |bytes| document::decode(bytes, &widths),
        |curves| document::encode(curves),
        || measure(prepared, teacher, recipe, journal, watch, progress),
    )
}

fn measure(
    prepared: &Prepared,
    teacher: &Teacher<'_>,
    recipe: &Recipe,
    journal: &dyn Journal,
    watch: &dyn Watch,
    progress: &dyn Fn(u64),
) -> Result<Vec<Option<Curve>>, Failure> {
    let model = prepared.original();
    let mut curves = vec![None; model.groups.len()];
    let mut units = 0;
    compensate::visit_moments(prepared, recipe, journal, watch, |block, moments| {
        progress(units);
        let here = model.groups_at(block).into_iter();
        units += here
            .map(|group| model.groups[group].width as u64)
            .sum::<u64>();
        let Some(group) = measurable(model, block) else {
            return Ok(());
        };
        let affine = &model.blocks[block].projection.affine;
        let (span, ridge) = (affine.columns_of(0..1).len(), recipe.method.ridge);
        if !moments.gram.is_empty()
            && let Some(elimination) =
                elimination::eliminate(moments, affine.linear(), span, ridge)?
        {
            let measured = Measured {
                teacher,
                recipe,
                group,
                block,
                moments,
            };
            let points = measured.points(&elimination, watch)?;
            curves[group] = Some(Curve::through(&points, elimination));
        }
        Ok(())
    })?;
    Ok(curves)
}

/// Returns the group of a block if the units are all columns of the projection.
fn measurable(model: &Model, block: usize) -> Option<usize> {
    let groups = model.groups_at(block);
    let [index] = groups[..] else {
        return None;
    };
    let (group, affine) = (&model.groups[index], &model.blocks[block].projection.affine);
    let whole = group.seat.span == 1 && group.seat.first == 0 && group.width == affine.channels();
    (group.is_columns() && group.heads.is_none() && whole && group.width > 0).then_some(index)
}

/// A block whose removals are measured.
struct Measured<'a> {
    teacher: &'a Teacher<'a>,
    recipe: &'a Recipe,
    group: usize,
    block: usize,
    moments: &'a Moments,
}

impl Measured<'_> {
    /// Returns numbers of removed units with the divergence of the answers.
    fn points(
        &self,
        elimination: &Elimination,
        watch: &dyn Watch,
    ) -> Result<Vec<(usize, f64)>, Failure> {
        let units = elimination.order.len();
        let mut removed: Vec<usize> = (1..=POINTS).map(|part| units * part / POINTS).collect();
        removed.retain(|&removed| removed > 0);
        removed.dedup();
        let points = removed.into_iter().map(|removed| {
            watch.proceed()?;
            let divergence = self.divergence(&elimination.order[..removed])?;
            Ok((removed, divergence))
        });
        points.collect()
    }

    /// Returns the mean divergence of the answers if these units are removed and the projection is fitted again.
    fn divergence(&self, removed: &[usize]) -> Result<f64, Failure> {
        let Teacher { model, scored, .. } = *self.teacher;
        let ridge = self.recipe.method.ridge;
        let mut masks = Masks::full(&model.groups);
        for &unit in removed {
            masks.drop_unit(self.group, unit);
        }
        let columns = model.kept_columns(self.block, &masks).unwrap_or_default();
        let mut student = Student::new(model, masks)?;
        let before = student.projection(self.block).linear();
        if let Some(linear) = solve::solve(&self.moments.of_inputs(&columns), before, ridge)? {
            student.replace(self.block, linear)?;
        }
        let parts = lanes::run(self.teacher.batches.len(), |batch| {
            let input = self.teacher.input(self.block, batch)?;
            let mut rest = self.block..model.blocks.len();
            let last = rest.try_fold(input, |hidden, block| student.block(block, &hidden))?;
            let after = Answers::of(&scored.head.forward(&last)?)?;
            let both = self.teacher.answers[batch].rows().zip(after.rows());
            let divergences = both.map(|(before, after)| {
                scored
                    .answer
                    .divergence(before, after, self.recipe.method.temperature)
            });
            Ok(divergences.sum::<f64>())
        })?;
        Ok(parts.iter().sum::<f64>() / self.teacher.rows().max(1) as f64)
    }
}
