//! Selection in rounds: remove some units, repair and score the pruned model, then remove more units.
//!
//! Scores of the whole model describe the removal of one unit. After many removals, the importance of the
//! remaining units changes. In each round the fraction kept falls by the same factor, and the pruned and
//! repaired model is scored like any other model. Input: the scores of the whole model. Output: [`Masks`]
//! over the units of the whole model. With one round, the selection is a single search. Source: the iterated
//! schedules of Kwon et al. 2022 and of ZipLM (Kurtic et al. 2023), here without training between the rounds.
//!
//! After a repair, the pruned model still differs from the original. Later scores ignore this difference: the next
//! repair corrects its gradient with respect to the masks. Including the gradient (squared terms minus the gradient)
//! lost 2.6 points on SST-2.

use super::compensate;
use super::failure::Failure;
use super::journal::Journal;
use super::prepare::Prepared;
use super::recipe::Recipe;
use super::score::combine::combine;
use super::score::score;
use super::score::scores::Scores;
use super::search::ranking::Ranking;
use super::search::{self, Limit};
use super::surgery;
use super::watch::Watch;
use crate::model::mask::Masks;

/// Selects the units to keep at the recipe's target.
///
/// # Errors
/// Returns [`TargetUnreachable`](super::failure::Code::TargetUnreachable) if no choice meets the target, and an
/// error if the job must stop or the journal cannot be read or written.
pub fn choose(
    prepared: &Prepared,
    recipe: &Recipe,
    limit: &Limit,
    scores: &Scores,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> Result<Masks, Failure> {
    let (groups, constraints) = (&prepared.model.groups, &recipe.constraints);
    let whole = limit.cost.whole(groups);
    let budget = search::reachable_budget(groups, &limit.cost, &recipe.target, constraints)?;
    let importance = combine(scores, &recipe.method.for_model(&prepared.model.reads));
    let first = Ranking::new(groups, &limit.cost, &importance, constraints);
    let mut masks = step(&first, recipe, 1, whole, budget)?;
    for round in 2..=recipe.method.rounds {
        let repairs = compensate::compensate_once(prepared, &masks, recipe, journal, watch)?;
        let left = surgery::narrowed(prepared, &masks, &repairs)?;
        let scores = score(&left, recipe, journal, watch)?;
        let importance = combine(&scores, &recipe.method.for_model(&prepared.model.reads));
        let (groups, cost) = (&left.model.groups, limit.cost.narrowed(&masks));
        let ranking = Ranking::new(groups, &cost, &importance, constraints);
        masks = masks.refined(&step(&ranking, recipe, round, whole, budget)?);
    }
    Ok(masks)
}

/// Selects the units that a round keeps.
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
    // Before the last round any choice below the budget is accepted: with the constraints there may be none near it.
    search::fill(ranking, between, 1.0, whole)
}
