//! Scores of units: the effect of each unit's removal on the trajectory.
//!
//! Input: the model and the scoring rows. Output ([`Scores`](scores::Scores)), for each unit:
//!
//! - the manifold term of every later feature;
//! - the divergence of the logits;
//! - the local term, which is the unit's contribution to its own block.
//!
//! The terms are stored separately, so that their weights can change without scoring again.
//! Source: paper, section 3. The authors' released code also has factors that depend on a unit's index,
//! masks that are not reset, a new token sample for each call, and scaling that depends on the order of
//! the units. None of these is part of the method, and this module has none of them.

pub mod combine;
pub mod divergence;
pub mod document;
pub mod exact;
pub mod local;
pub mod manifold;
pub mod sample;
pub mod scores;
pub mod sketch;
pub mod teacher;

use super::failure::Failure;
use super::journal::Journal;
use super::prepare::Prepared;
use super::recipe::{Estimator, Recipe};
use super::watch::Watch;
use crate::model::PrunableModel;
use crate::model::differentiable::Differentiable;
use crate::model::unit::UnitKind;
use exact::Wanted;
use scores::{Scores, UnitScores};
use teacher::Teacher;

/// Returns the estimator that is used. Sketches need a backward pass, so an architecture without one is scored exactly.
#[must_use]
pub fn estimator(model: &dyn PrunableModel, recipe: &Recipe) -> Estimator {
    match model.differentiable() {
        Some(_) => recipe.method.estimator,
        None => Estimator::Exact,
    }
}

/// Returns which groups are sketched. Heads are scored exactly: they are few, and the removal of a head is
/// a large change.
#[must_use]
pub fn sketched(model: &dyn PrunableModel, recipe: &Recipe) -> Vec<bool> {
    let sketch = estimator(model, recipe) == Estimator::Sketch;
    let groups = model.groups().iter();
    groups
        .map(|group| sketch && group.width > 0 && group.kind != UnitKind::Head)
        .collect()
}

/// Scores every unit of every group. Completed blocks are loaded from the journal.
///
/// # Errors
/// Returns an error if the job must stop, or if the journal cannot be read or written.
pub fn score(
    prepared: &Prepared,
    recipe: &Recipe,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> Result<Scores, Failure> {
    let model = prepared.model.as_ref();
    let total: u64 = model.groups().iter().map(|group| group.width as u64).sum();
    watch.progress(0, total);
    let teacher = Teacher::run(prepared, recipe)?;
    let sketched = sketched(model, recipe);
    let digests: Vec<String> = (0..sketched.len())
        .map(|block| document::digest(prepared, recipe, block, sketched[block]))
        .collect();
    let mut known = Vec::with_capacity(digests.len());
    for (block, digest) in digests.iter().enumerate() {
        let features = teacher.features_after(block);
        let width = model.groups()[block].width;
        let document = journal.load(document::NAME, digest)?;
        known.push(document.and_then(|bytes| document::decode(&bytes, width, features)));
    }
    let missing =
        |(block, scores): (usize, &Option<UnitScores>)| sketched[block] && scores.is_none();
    if let (Some(back), true) = (
        model.differentiable(),
        known.iter().enumerate().any(missing),
    ) {
        let made = sketch_groups(&teacher, back, recipe, &sketched, total, watch)?;
        for (block, scores) in made.into_iter().enumerate() {
            if let Some(scores) = scores {
                journal.store(document::NAME, &digests[block], &document::encode(&scores)?)?;
                known[block] = Some(scores);
            }
        }
    }
    let ready = known.iter().zip(model.groups());
    let done = ready
        .filter_map(|(scores, group)| scores.as_ref().map(|_| group.width as u64))
        .sum::<u64>();
    watch.progress(done, total);
    let missing = known
        .iter()
        .enumerate()
        .filter(|(_, scores)| scores.is_none());
    let missing: Vec<Wanted> = missing
        .map(|(block, _)| Wanted {
            block,
            units: (0..model.groups()[block].width).collect(),
        })
        .collect();
    let progress = |units| {
        watch.proceed()?;
        watch.progress(done + units, total);
        Ok(())
    };
    let keep = |place: usize, scores: &UnitScores| {
        let digest = &digests[missing[place].block];
        journal.store(document::NAME, digest, &document::encode(scores)?)
    };
    let made = exact::score(
        &teacher,
        recipe.method.temperature,
        &missing,
        &progress,
        &keep,
    )?;
    watch.progress(total, total);
    let mut made = made.into_iter();
    let groups = known
        .into_iter()
        .map(|scores| scores.or_else(|| made.next()));
    let groups: Vec<UnitScores> = groups.flatten().collect();
    let local = (0..groups.len()).map(|block| local::energies(&teacher, block));
    Ok(Scores {
        local: local.collect::<Result<_, _>>()?,
        groups,
    })
}

/// Sketches all wanted groups. Progress is reported in units: each probe counts as an equal share of them.
fn sketch_groups(
    teacher: &Teacher<'_>,
    back: &dyn Differentiable,
    recipe: &Recipe,
    wanted: &[bool],
    total: u64,
    watch: &dyn Watch,
) -> Result<Vec<Option<UnitScores>>, Failure> {
    let groups = teacher.model.groups().iter().zip(wanted);
    let units: u64 = groups
        .filter_map(|(group, &wanted)| wanted.then_some(group.width as u64))
        .sum();
    let stop = sketch::Stop::default();
    let seed = recipe.calibration.seed;
    let mut sketch = sketch::score(
        teacher,
        back,
        &recipe.method,
        seed,
        wanted,
        stop,
        &|probes| {
            watch.proceed()?;
            watch.progress(units * probes as u64 / stop.most as u64, total);
            Ok(())
        },
    )?;
    let temperature = recipe.method.temperature;
    sketch::anchor::set_scale(teacher, temperature, seed, &mut sketch.groups, &|| {
        watch.proceed()
    })?;
    Ok(sketch.groups)
}
