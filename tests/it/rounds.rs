//! Tests of the selection of units in several rounds, on a tiny model.

use optin::model::mask::Masks;
use optin::prune::failure::Code;
use optin::prune::journal::{FolderJournal, NoJournal};
use optin::prune::prepare::Prepared;
use optin::prune::recipe::{Metric, Recipe};
use optin::prune::search::Limit;
use optin::prune::watch::Unwatched;
use optin::prune::{estimate, rounds, run, score, surgery};

use crate::fixture::bert::Tiny;
use crate::fixture::fixed_latency::FixedLatency;
use crate::fixture::folder::Folder;

/// Selects the kept units in rounds.
fn select(folder: &Folder, recipe: &Recipe) -> (Prepared, Limit, Masks) {
    let prepared = Prepared::read(&folder.places("unused"), recipe).unwrap();
    let journal = FixedLatency::of(&prepared.model.groups);
    let limit = Limit::of(&prepared, recipe, &journal, &Unwatched).unwrap();
    let scores = score::score(&prepared, recipe, &journal, &Unwatched).unwrap();
    let masks = rounds::choose(&prepared, recipe, &limit, &scores, &journal, &Unwatched).unwrap();
    (prepared, limit, masks)
}

#[test]
fn the_last_round_meets_the_target_and_the_constraints() {
    let folder = Folder::new(Tiny::default());
    for metric in [Metric::Flops, Metric::Params, Metric::LatencyMs] {
        for uniform in [false, true] {
            let mut recipe = folder.recipe(0.85);
            recipe.method.rounds = 3;
            recipe.target.metric = metric;
            recipe.target.tolerance = 0.5;
            recipe.constraints.uniform = uniform;
            recipe.constraints.round_to = Some(4);
            recipe.constraints.min_kept = 1;
            recipe.constraints.keep_whole = match uniform {
                true => Vec::new(),
                false => vec!["encoder.layer.1".to_owned()],
            };
            let (prepared, limit, masks) = select(&folder, &recipe);
            let groups = &prepared.model.groups;
            let counts = || (0..groups.len()).map(|group| masks.count(group));
            let (cost, whole) = (limit.cost.of(counts()), limit.cost.whole(groups));
            assert!(
                cost as f64 <= 0.85 * whole as f64,
                "{metric:?}: {cost} of {whole}"
            );
            for (index, group) in groups.iter().enumerate() {
                let kept = masks.count(index);
                assert!(kept >= recipe.constraints.least(group), "{}", group.name);
                assert_eq!(kept % recipe.constraints.step(group), 0, "{}", group.name);
            }
        }
    }
}

#[test]
fn a_run_in_rounds_is_reproducible_to_the_byte_and_resumes_from_the_stage_cache() {
    let folder = Folder::new(Tiny::default());
    let mut recipe = folder.recipe(0.4);
    let journal = FolderJournal::open(&folder.root.path().join("journal")).unwrap();
    let weights = |out: &str| folder.weights(out);
    let once = run(&folder.places("once"), &recipe, &NoJournal, &Unwatched).unwrap();
    recipe.method.rounds = 3;
    let first = run(&folder.places("first"), &recipe, &journal, &Unwatched).unwrap();
    run(&folder.places("second"), &recipe, &NoJournal, &Unwatched).unwrap();
    let again = run(&folder.places("again"), &recipe, &journal, &Unwatched).unwrap();
    assert!(weights("first") == weights("second") && weights("first") == weights("again"));
    assert!(
        weights("first") != weights("once"),
        "rounds must change the selection"
    );
    assert_eq!(first.groups, again.groups);
    assert!(first.kept <= 0.4 && first.consistency <= 1e-5);
    assert!(once.kept <= 0.4);
    let plan = |rounds| {
        let mut recipe = recipe.clone();
        recipe.method.rounds = rounds;
        estimate(&folder.places("unused"), &recipe, &Unwatched).unwrap()
    };
    assert!(plan(3).scoring_macs > plan(1).scoring_macs);
    assert!(plan(3).peak_bytes >= plan(1).peak_bytes);
}

#[test]
fn a_target_that_no_round_can_reach_is_rejected() {
    let folder = Folder::new(Tiny::default());
    let mut recipe = folder.recipe(0.5);
    recipe.method.rounds = 2;
    recipe.constraints.keep_whole = vec!["encoder".to_owned()];
    let failure = run(&folder.places("out"), &recipe, &NoJournal, &Unwatched).unwrap_err();
    assert_eq!(failure.code, Code::TargetUnreachable);
    recipe.method.rounds = 9;
    let failure = recipe.validated().unwrap_err();
    assert!(
        failure.detail.contains("method.rounds"),
        "{}",
        failure.detail
    );
}

#[test]
fn nested_masks_index_only_the_kept_units() {
    let folder = Folder::new(Tiny::default());
    let prepared = Prepared::read(&folder.places("unused"), &folder.recipe(0.5)).unwrap();
    let groups = &prepared.model.groups;
    let outer: Vec<Vec<usize>> = groups.iter().map(|_| vec![1, 3]).collect();
    let outer = Masks::keeping(groups, &outer);
    let none = optin::prune::repairs::Repairs::none(groups.len());
    let pruned = surgery::narrowed(&prepared, &outer, &none).unwrap();
    let inner: Vec<Vec<usize>> = groups.iter().map(|_| vec![1]).collect();
    let inner = Masks::keeping(&pruned.model.groups, &inner);
    let refined = outer.refined(&inner);
    assert!((0..groups.len()).all(|group| refined.kept(group) == [3]));
}
