//! Choosing in rounds: some units go, what is left is repaired and scored again, and more units go.
//!
//! Scores of the whole model tell what the first unit's removal does; after many the rest matter otherwise.
//! In each round the share that is kept falls by the same factor. What was cut and repaired is scored as
//! a model of its own, and what that removes from its distance to the ORIGINAL, whose trajectory stays the
//! measure, is taken off ([`drift`]). In: the scores of the whole model. Out: [`Masks`] in its units.
//! With one round this is the search alone. Source: the iterated schedules of Kwon et al. 2022 and of ZipLM
//! (Kurtic et al. 2023), here without training between the rounds.

use super::compensate;
use super::failure::{Code, Failure};
use super::journal::Journal;
use super::prepare::Prepared;
use super::recipe::Recipe;
use super::score::combine::{Scale, UnitImportance, combine};
use super::score::sketch::drift;
use super::score::teacher::Teacher;
use super::score::{Scores, UnitScores, score};
use super::search::price::Price;
use super::search::ranking::Ranking;
use super::search::{self, Limit};
use super::watch::Watch;
use crate::model::mask::Masks;

/// The choice at the recipe's target.
///
/// # Errors
/// [`Code::TargetUnreachable`]; when asked to stop, or the journal cannot be read or written.
pub fn choose(
    prepared: &Prepared,
    recipe: &Recipe,
    limit: &Limit,
    scores: &Scores,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> Result<Masks, Failure> {
    let importance = combine(scores, &recipe.method);
    let rounds = recipe.method.rounds;
    if rounds == 1 {
        return search::choose(prepared, &importance, recipe, limit);
    }
    let (groups, constraints) = (prepared.model.groups(), &recipe.constraints);
    let whole = limit.price.whole(groups);
    let budget = search::reachable_budget(groups, &limit.price, &recipe.target, constraints)?;
    let scale = Scale::of(scores, &recipe.method);
    let original = Teacher::run(prepared, recipe)?;
    let first = Ranking::new(groups, &limit.price, &importance, constraints);
    let mut masks = step(&first, recipe, 1, whole, budget)?;
    for round in 2..=rounds {
        let repairs = compensate::compensate_once(prepared, &masks, recipe, journal, watch)?;
        let cut = prepared.cut(&masks, &repairs)?;
        let scores = rescore(&cut, &original, recipe, journal, watch)?;
        let (groups, price) = (cut.model.groups(), limit.price.narrowed(&masks));
        let importance = lifted(scale.combine(&scores), &price);
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

/// What the removal of each unit that is left adds to the distance from the original.
fn rescore(
    cut: &Prepared,
    original: &Teacher<'_>,
    recipe: &Recipe,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> Result<Scores, Failure> {
    let Some(back) = cut.model.differentiable() else {
        return Err(Failure::new(
            Code::UnsupportedModel,
            "method.rounds is more than 1, and this architecture has no way back to score what is left with; \
             ask for one round",
        ));
    };
    let squares = score(cut, recipe, journal, watch)?;
    let teacher = Teacher::run(cut, recipe)?;
    let slopes = drift::slopes(&teacher, original, back, recipe.method.temperature)?;
    let less = |squares: f64, slope: &f64| squares - slope;
    let groups = squares.groups.iter().zip(slopes).map(|(scores, slopes)| {
        let manifold = scores.manifold_sums().zip(&slopes.manifold);
        let logits = scores.logits.iter().copied().zip(&slopes.logits);
        UnitScores {
            features: scores.features,
            manifold: manifold
                .map(|(squares, slope)| less(squares, slope))
                .collect(),
            logits: logits
                .map(|(squares, slope)| less(squares, slope))
                .collect(),
        }
    });
    Ok(Scores {
        groups: groups.collect(),
        local: squares.local,
    })
}

/// Without negative values, which the search does not take: each unit's is raised in proportion to its price,
/// so that all choices that cost the same are raised alike.
fn lifted(importance: UnitImportance, price: &Price) -> UnitImportance {
    let groups = importance.groups.iter().enumerate();
    let prices: Vec<f64> = groups
        .map(|(group, units)| price.of_one(group, units.len()).max(1.0))
        .collect();
    let deepest = importance.groups.iter().zip(&prices);
    let deepest = deepest
        .flat_map(|(units, price)| units.iter().map(move |value| -value / price))
        .fold(0.0, f64::max);
    let groups = importance.groups.into_iter().zip(prices);
    UnitImportance {
        groups: groups
            .map(|(units, price)| {
                let lifted = units.into_iter().map(|value| value + deepest * price);
                lifted.map(|value| value.max(0.0)).collect()
            })
            .collect(),
    }
}
