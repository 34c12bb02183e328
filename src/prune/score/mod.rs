//! Scores of units: the effect of each unit's removal on the trajectory.
//!
//! Input: the model and the scoring rows. Output ([`Scores`]), for each unit:
//!
//! - the manifold term of every later feature;
//! - the divergence of the answers;
//! - the local term, which is the unit's contribution to its own block;
//! - if the method uses it, what the removal costs after a repair ([curves]).
//!
//! The terms are stored separately, so that their weights can change without scoring again.
//! Source: paper, section 3. The authors' released code also has factors that depend on a unit's index,
//! masks that are not reset, a new token sample for each call, and scaling that depends on the order of
//! the units. None of these is part of the method, and this module has none of them.

pub mod combine;
pub mod directions;
pub mod document;
pub mod exact;
pub mod local;
pub mod manifold;
pub mod sample;
pub mod scored;
pub mod scores;
pub mod sketch;
pub mod teacher;

use super::curves;
use super::failure::Failure;
use super::journal::Journal;
use super::prepare::Prepared;
use super::recipe::{Estimator, Recipe};
use super::watch::Watch;
use crate::model::chain::Model;
use crate::model::unit::UnitGroup;
use exact::Wanted;
use scores::{Scores, UnitScores};
use teacher::Teacher;

/// Maximum number of units of a group that is always scored exactly. That costs less than the probes of a sketch.
pub const FEW_UNITS: usize = 16;

/// Minimum number of columns of a unit that is always scored exactly. The removal of a wide unit, such as an attention
/// head, is too large a change for the linear estimate of a sketch.
pub const WIDE_UNIT: usize = 32;

/// Returns the estimator that is used. Sketches need a backward pass, so a model without one is scored exactly.
#[must_use]
pub fn estimator(model: &Model, recipe: &Recipe) -> Estimator {
    match model.first_traceable() < model.blocks.len() {
        true => recipe.method.estimator,
        false => Estimator::Exact,
    }
}

/// Returns which groups are sketched: those with many narrow units, from whose block on every layer has a backward
/// pass.
#[must_use]
pub fn sketched(model: &Model, recipe: &Recipe) -> Vec<bool> {
    let sketch = recipe.method.estimator == Estimator::Sketch;
    let first = model.first_traceable();
    let suits = |group: &UnitGroup| {
        group.width > FEW_UNITS && group.seat.span < WIDE_UNIT && group.seat.block >= first
    };
    let groups = model.groups.iter();
    groups.map(|group| sketch && suits(group)).collect()
}

/// Scores every unit of every group. Completed groups are loaded from the journal.
///
/// # Errors
/// Returns an error if the job must stop, or if the journal cannot be read or written.
pub fn score(
    prepared: &Prepared,
    recipe: &Recipe,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> Result<Scores, Failure> {
    let model = &prepared.model;
    let units: u64 = model.groups.iter().map(|group| group.width as u64).sum();
    // A curve counts as much as the scores of its units.
    let wants_curves = curves::are_wanted(model, recipe);
    let total = match wants_curves {
        true => 2 * units,
        false => units,
    };
    watch.progress(0, total);
    let teacher = Teacher::run(prepared, recipe)?;
    let sketched = sketched(model, recipe);
    let digests: Vec<String> = (0..sketched.len())
        .map(|group| document::digest(prepared, recipe, group, sketched[group]))
        .collect();
    let mut known = Vec::with_capacity(digests.len());
    for (group, digest) in model.groups.iter().zip(&digests) {
        let features = teacher.features_after(group.seat.block);
        let width = group.width;
        let document = journal.load(document::NAME, digest)?;
        known.push(document.and_then(|bytes| document::decode(&bytes, width, features)));
    }
    let missing =
        |(group, scores): (usize, &Option<UnitScores>)| sketched[group] && scores.is_none();
    if known.iter().enumerate().any(missing) {
        let made = sketch_groups(&teacher, recipe, &sketched, total, watch)?;
        for (group, scores) in made.into_iter().enumerate() {
            if let Some(scores) = scores {
                journal.store(document::NAME, &digests[group], &document::encode(&scores)?)?;
                known[group] = Some(scores);
            }
        }
    }
    let ready = known.iter().zip(&model.groups);
    let done = ready
        .filter_map(|(scores, group)| scores.as_ref().map(|_| group.width as u64))
        .sum::<u64>();
    watch.progress(done, total);
    let missing = known
        .iter()
        .enumerate()
        .filter(|(_, scores)| scores.is_none());
    let missing: Vec<Wanted> = missing
        .map(|(group, _)| Wanted {
            group,
            units: (0..model.groups[group].width).collect(),
        })
        .collect();
    let progress = |units| {
        watch.proceed()?;
        watch.progress(done + units, total);
        Ok(())
    };
    let keep = |place: usize, scores: &UnitScores| {
        let digest = &digests[missing[place].group];
        journal.store(document::NAME, digest, &document::encode(scores)?)
    };
    let made = exact::score(&teacher, &recipe.method, &missing, &progress, &keep)?;
    watch.progress(units, total);
    let mut made = made.into_iter();
    let groups = known
        .into_iter()
        .map(|scores| scores.or_else(|| made.next()));
    let groups: Vec<UnitScores> = groups.flatten().collect();
    // The term of inner channels takes a run of the block for each of them, so it is computed only if it counts.
    let counts = recipe.method.local_weight > 0.0;
    let local = model.groups.iter().enumerate();
    let local = local.map(|(index, group)| match group.is_columns() || counts {
        true => local::energies(&teacher, index),
        false => Ok(vec![1.0; group.width]),
    });
    Ok(Scores {
        local: local.collect::<Result<_, _>>()?,
        curves: match wants_curves {
            true => {
                let progress = |done| watch.progress(units + done, total);
                let measured =
                    curves::measure_once(prepared, &teacher, recipe, journal, watch, &progress)?;
                watch.progress(total, total);
                measured
            }
            false => vec![None; model.groups.len()],
        },
        groups,
    })
}

/// Sketches all wanted groups. Progress is reported in units: each probe counts as an equal share of them.
fn sketch_groups(
    teacher: &Teacher<'_>,
    recipe: &Recipe,
    wanted: &[bool],
    total: u64,
    watch: &dyn Watch,
) -> Result<Vec<Option<UnitScores>>, Failure> {
    let groups = teacher.model.groups.iter().zip(wanted);
    let units: u64 = groups
        .filter_map(|(group, &wanted)| wanted.then_some(group.width as u64))
        .sum();
    let stop = sketch::Stop::default();
    let seed = recipe.calibration.seed;
    let sketch = sketch::score(teacher, &recipe.method, seed, wanted, stop, &|probes| {
        watch.proceed()?;
        watch.progress(units * probes as u64 / stop.most as u64, total);
        Ok(())
    })?;
    Ok(sketch.groups)
}
