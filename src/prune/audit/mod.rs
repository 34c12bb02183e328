//! Audit of sketched scores: compares them with exact scores on a sample that represents all units.
//!
//! Input: the scores of all units. Output: an [`AuditReport`] with four metrics, each with a limit (gate).
//! Heads are always scored exactly, so only sketched groups are audited. Each sampled unit is weighted
//! by the number of units that it represents, so that the metrics estimate those of the whole model. To learn which
//! units exact scores would select, the search runs again with the exact scores of the sample.

pub mod gates;
pub mod sample;

use super::failure::{Code, Failure};
use super::prepare::Prepared;
use super::recipe::{Importance, Method, Recipe};
use super::report::{AuditReport, GroupAudit};
use super::score::combine::{Scale, UnitImportance, combine};
use super::score::exact::{self, Wanted};
use super::score::scores::{Scores, UnitScores};
use super::score::sketched;
use super::score::teacher::Teacher;
use super::search::{self, Limit};
use super::watch::Watch;
use crate::model::mask::Masks;
use gates::Pair;
use sample::Sampled;

/// Audits the scores if the recipe asks for it and some scores are sketched.
///
/// # Errors
/// Returns an error if the job must stop, or [`Code::Internal`] if the graph fails.
pub fn on_request(
    prepared: &Prepared,
    recipe: &Recipe,
    limit: &Limit,
    scores: &Scores,
    watch: &dyn Watch,
) -> Result<Option<AuditReport>, Failure> {
    let sketched = sketched(&prepared.model, recipe);
    match recipe.method.audit && sketched.contains(&true) {
        true => audit(prepared, recipe, limit, scores, watch).map(Some),
        false => Ok(None),
    }
}

/// Scores a sample exactly and compares it with the sketched scores.
///
/// # Errors
/// Returns [`Code::InvalidRecipe`] if no group is sketched, an error if the job must stop, and [`Code::Internal`] if
/// the graph fails.
pub fn audit(
    prepared: &Prepared,
    recipe: &Recipe,
    limit: &Limit,
    scores: &Scores,
    watch: &dyn Watch,
) -> Result<AuditReport, Failure> {
    let model = &prepared.model;
    let sketched = sketched(model, recipe);
    if !sketched.contains(&true) {
        return Err(Failure::new(
            Code::InvalidRecipe,
            "all scores are exact, so there is nothing to audit; use the estimator `sketch`",
        ));
    }
    // Only the trajectory is audited, because the local term is always exact, and so are the curves.
    let method = recipe.method.for_model(&model.reads);
    let method = Method {
        importance: match method.importance {
            Importance::AfterRepair => Importance::Optin,
            scored => scored,
        },
        local_weight: 0.0,
        ..method
    };
    let importance = combine(scores, &method);
    let masks = &search::choose(prepared, &importance, recipe, limit)?;
    let sampled = sample::draw(&importance, masks, &sketched, recipe.calibration.seed);
    let teacher = Teacher::run(prepared, recipe)?;
    let total = sampled.len() as u64;
    let groups = sampled.chunk_by(|a, b| a.group == b.group);
    let wanted: Vec<Wanted> = groups
        .map(|sampled| Wanted {
            group: sampled[0].group,
            units: sampled.iter().map(|sampled| sampled.unit).collect(),
        })
        .collect();
    let progress = |done| {
        watch.proceed()?;
        watch.progress(done, total);
        Ok(())
    };
    let exactly = exact::score(&teacher, &method, &wanted, &progress, &|_, _| Ok(()))?;
    let exactly: Vec<[f64; 2]> = exactly.iter().flat_map(terms).collect();
    watch.progress(total, total);
    // Both use the scale of the scores of all units, because the mean of the sample would be another one.
    let scale = Scale::of(scores, &method);
    let estimates: Vec<Vec<[f64; 2]>> = scores
        .groups
        .iter()
        .map(|group| terms(group).collect())
        .collect();
    let pairs = |value: &dyn Fn(usize, [f64; 2]) -> f64| -> Vec<Pair> {
        let both = sampled.iter().zip(&exactly);
        both.map(|(sampled, &exactly)| Pair {
            weight: sampled.weight,
            chosen: masks.keeps(sampled.group, sampled.unit),
            sketched: value(sampled.group, estimates[sampled.group][sampled.unit]),
            exact: value(sampled.group, exactly),
        })
        .collect()
    };
    let weighed = |group: usize, [manifold, answers]: [f64; 2]| {
        scale.importance(scores.groups[group].features, manifold, answers)
    };
    let term = |index: usize| {
        let pairs = pairs(&|group, terms| match index {
            0 => scale.manifold(scores.groups[group].features, terms[0]),
            _ => terms[1],
        });
        gates::spearman(&pairs)
    };
    let all = pairs(&weighed);
    let known = corrected(importance, &sampled, &all);
    let best = search::choose(prepared, &known, recipe, limit)?;
    let better = sampled
        .iter()
        .map(|sampled| best.keeps(sampled.group, sampled.unit));
    let better: Vec<bool> = better.collect();
    let regret = 1.0 - kept(&known, masks) / kept(&known, &best);
    let gates = gates::measure(&all, &better, regret);
    Ok(AuditReport {
        units: sampled.len(),
        boundary: sampled.iter().filter(|sampled| sampled.boundary).count(),
        spearman: gates.spearman,
        spearman_of_terms: [term(0), term(1)],
        overlap: gates.overlap,
        median_ratio: gates.median_ratio,
        regret: gates.regret,
        passed: gates.hold(),
        groups: by_group(prepared, &sampled, &all),
    })
}

/// Replaces the importance of the sampled units by the exact one. The other units of a sketched group are scaled by the
/// group's median ratio.
fn corrected(mut known: UnitImportance, sampled: &[Sampled], pairs: &[Pair]) -> UnitImportance {
    for (of_group, here) in grouped(sampled, pairs) {
        let group = &mut known.groups[of_group[0].group];
        let ratio = gates::median_ratio(here);
        if ratio > 0.0 {
            group.iter_mut().for_each(|value| *value /= ratio);
        }
        for (sampled, pair) in of_group.iter().zip(here) {
            group[sampled.unit] = pair.exact;
        }
    }
    known
}

/// Returns the total importance of the kept units.
fn kept(importance: &UnitImportance, masks: &Masks) -> f64 {
    let groups = importance.groups.iter().enumerate();
    let units = groups.flat_map(|(group, units)| {
        let units = units.iter().enumerate();
        units.filter_map(move |(unit, &value)| masks.keeps(group, unit).then_some(value))
    });
    units.sum::<f64>().max(f64::MIN_POSITIVE)
}

/// Returns for each unit the sum of its manifold terms, and its answer term.
fn terms(scores: &UnitScores) -> impl Iterator<Item = [f64; 2]> {
    let answers = scores.answers.iter();
    scores
        .manifold_sums()
        .zip(answers)
        .map(|(manifold, &answers)| [manifold, answers])
}

fn by_group(prepared: &Prepared, sampled: &[Sampled], pairs: &[Pair]) -> Vec<GroupAudit> {
    let groups = grouped(sampled, pairs).map(|(of_group, pairs)| GroupAudit {
        group: prepared.model.groups[of_group[0].group].name.clone(),
        units: pairs.len(),
        spearman: gates::spearman(pairs),
        median_ratio: gates::median_ratio(pairs),
    });
    groups.collect()
}

/// Splits the sample into its groups.
fn grouped<'a>(
    sampled: &'a [Sampled],
    mut pairs: &'a [Pair],
) -> impl Iterator<Item = (&'a [Sampled], &'a [Pair])> {
    let groups = sampled.chunk_by(|a, b| a.group == b.group);
    groups.map(move |of_group| {
        let (here, later) = pairs.split_at(of_group.len());
        pairs = later;
        (of_group, here)
    })
}
