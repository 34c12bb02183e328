//! Choosing in rounds: some units go, what is left is repaired and scored again, and more units go.
//!
//! Scores of the whole model tell what the first unit's removal does; after many the rest matter otherwise.
//! In each round the share that is kept falls by the same factor, and what was cut and repaired is scored
//! as a model of its own. In: the scores of the whole model. Out: [`Masks`] in its units. With one round
//! this is the search alone. Source: the iterated schedules of Kwon et al. 2022 and of ZipLM (Kurtic et al.
//! 2023), here without training between the rounds.
//!
//! What the repair has left of the distance to the original is not taken into the later scores: its slope along
//! the masks is what the next repair mends, and a choice by it (squares less slope) lost 2.6 points on SST-2.

use super::compensate;
use super::failure::Failure;
use super::journal::Journal;
use super::prepare::Prepared;
use super::recipe::Recipe;
use super::score::combine::combine;
use super::score::{Scores, score};
use super::search::ranking::Ranking;
use super::search::{self, Limit};
use super::surgery;
use super::watch::Watch;
use crate::model::mask::Masks;

/// The choice at the recipe's target.
///
/// # Errors
/// [`TargetUnreachable`](super::failure::Code::TargetUnreachable); when asked to stop, or the journal cannot be
/// read or written.
pub fn choose(
    prepared: &Prepared,
    recipe: &Recipe,
    limit: &Limit,
    scores: &Scores,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> Result<Masks, Failure> {
    let (groups, constraints) = (prepared.model.groups(), &recipe.constraints);
    let whole = limit.price.whole(groups);
    let budget = search::reachable_budget(groups, &limit.price, &recipe.target, constraints)?;
    let importance = combine(scores, &recipe.method);
    let first = Ranking::new(groups, &limit.price, &importance, constraints);
    let mut masks = step(&first, recipe, 1, whole, budget)?;
    for round in 2..=recipe.method.rounds {
        let repairs = compensate::compensate_once(prepared, &masks, recipe, journal, watch)?;
        let left = surgery::narrowed(prepared, &masks, &repairs)?;
        let scores = score(&left, recipe, journal, watch)?;
        let importance = combine(&scores, &recipe.method);
        let (groups, price) = (left.model.groups(), limit.price.narrowed(&masks));
        let ranking = Ranking::new(groups, &price, &importance, constraints);
        masks = masks.refined(&step(&ranking, recipe, round, whole, budget)?);
    }
    Ok(masks)
}

/// What a round keeps.
fn step(
    ranking: &Ranking<'_>,
    recipe: &Recipe,
    round: usize,
    whole: u64,
    budget: u64,
) -> Result<Masks, Failure> {
    let rounds = recipe.method.rounds;
    if round == rounds {
        return search::fill(ranking, budget, recipe.target.tolerance, whole);
    }
    let share = recipe.target.keep.powf(round as f64 / rounds as f64);
    let between = ((whole as f64 * share) as u64).max(budget);
    // On the way any choice below will do; the constraints may leave none that is near.
    search::fill(ranking, between, 1.0, whole)
}
