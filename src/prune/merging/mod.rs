//! Choice of the schedule by which a model merges positions (the share tau of the OPTIN paper, section 3.3).
//!
//! Merging positions and removing units save operations of the same budget. The share of both is not given but measured:
//! each candidate schedule is pruned to the target with the scores of the unmerged model, repaired on some calibration
//! rows, and compared with the original model on others. The schedule with the smallest divergence is used, which may be
//! the one that merges nothing. Later stages search, repair and cut the model that merges.
//!
//! Input: the model, its scores and unlabeled rows. Output: the same model with a schedule.

mod candidates;
mod trial;

use super::failure::{Code, Failure};
use super::journal::{self, Journal};
use super::prepare::Prepared;
use super::recipe::{Metric, Recipe};
use super::score::combine::combine;
use super::score::scores::Scores;
use super::search::position_merging::PositionMerging;
use super::watch::Watch;
use crate::model::chain::Model;
use crate::model::merging::Merging;
use candidates::candidates;
use trial::Trials;

/// Name of the document with the chosen schedule: the number of pairs that each layer merges.
const NAME: &str = "merging.json";

/// Whether a job may plan to merge positions: the model can and does not do so yet, and the recipe allows it.
#[must_use]
pub fn may_plan(model: &Model, recipe: &Recipe) -> bool {
    let can_merge = model.merging.as_ref().is_some_and(Merging::is_off);
    let allowed = recipe.constraints.merging != PositionMerging::Off;
    can_merge && allowed && recipe.target.metric == Metric::Flops
}

/// Chooses the schedule of a model that can merge positions and does not do so yet. The choice is read from the journal, or
/// made and stored there.
///
/// Only operations depend on positions, so nothing is merged for other targets.
///
/// # Errors
/// Returns an error if the job must stop, if a graph fails, or if the journal cannot be read or written.
pub fn choose(
    prepared: Prepared,
    recipe: &Recipe,
    scores: &Scores,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> Result<Prepared, Failure> {
    let merging = match &prepared.model.merging {
        Some(merging) if may_plan(&prepared.model, recipe) => merging.clone(),
        _ => return Ok(prepared),
    };
    let digest = prepared
        .digest("merging/1")
        .part("recipe", settings(recipe)?)
        .hex();
    let mut prepared = Some(prepared);
    let schedule = journal::remember_json(journal, NAME, &digest, || {
        let unmerged = prepared
            .take()
            .expect("the model is there until it is tried");
        let method = recipe.method.for_model(&unmerged.model.reads);
        let importance = combine(scores, &method);
        let mut trials = Trials::new(unmerged, recipe, &importance)?;
        let all = candidates(&merging, recipe.constraints.merging.kept());
        let mut best: Option<(f64, Vec<usize>)> = None;
        for (index, schedule) in all.iter().enumerate() {
            watch.proceed()?;
            watch.progress(index as u64, all.len() as u64);
            if let Some(divergence) = trials.divergence(schedule, watch)?
                && best.as_ref().is_none_or(|(least, _)| divergence < *least)
            {
                best = Some((divergence, schedule.clone()));
            }
        }
        prepared = Some(trials.into_prepared());
        // The later stages report a target that no schedule reaches.
        Ok(best.map_or_else(|| vec![0; merging.schedule.len()], |(_, schedule)| schedule))
    })?;
    let prepared = prepared.expect("the model is returned after the trials");
    prepared.with_schedule(&schedule)
}

/// Returns the settings on which the choice depends, as text.
fn settings(recipe: &Recipe) -> Result<String, Failure> {
    let parts = (&recipe.target, &recipe.constraints, &recipe.method);
    serde_json::to_string(&parts).map_err(|error| {
        Failure::new(
            Code::Internal,
            format!("could not encode the recipe as JSON: {error}"),
        )
    })
}
