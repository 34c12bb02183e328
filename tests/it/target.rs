//! Tests of targets other than FLOPs, on a tiny model.

use optin::prune::failure::Code;
use optin::prune::journal::{FolderJournal, NoJournal};
use optin::prune::prepare::Prepared;
use optin::prune::recipe::Metric;
use optin::prune::search::Limit;
use optin::prune::search::latency::{LatencyTable, NAME};
use optin::prune::watch::Unwatched;
use optin::prune::{estimate, run};

use crate::fixture::bert::Tiny;
use crate::fixture::fixed_latency::FixedLatency;
use crate::fixture::folder::Folder;

#[test]
fn the_number_of_parameters_can_be_the_target() {
    let folder = Folder::new(Tiny::default());
    let mut recipe = folder.recipe(0.8);
    recipe.target.metric = Metric::Params;
    recipe.target.tolerance = 0.05;
    let plan = estimate(&folder.places("unused"), &recipe, &Unwatched).unwrap();
    let report = run(&folder.places("out"), &recipe, &NoJournal, &Unwatched).unwrap();
    let size = &report.size;
    assert_eq!(
        plan.target_cost,
        (0.8 * size.before.parameters as f64) as u64
    );
    assert!(size.after.parameters <= plan.target_cost);
    assert!(size.after.parameters as f64 >= 0.76 * size.before.parameters as f64 - 1.0);
    // The embeddings and the head remain even if no unit is kept.
    recipe.target.keep = plan.reachable_percent() / 100.0 - 0.01;
    let failure = estimate(&folder.places("unused"), &recipe, &Unwatched).unwrap_err();
    assert_eq!(failure.code, Code::TargetUnreachable);
    assert!(failure.detail.contains("parameters"), "{}", failure.detail);
}

#[test]
fn latency_is_measured_once_for_each_stage_cache() {
    let folder = Folder::new(Tiny::default());
    let journal = FolderJournal::open(&folder.root.path().join("journal")).unwrap();
    let mut recipe = folder.recipe(0.5);
    recipe.target.metric = Metric::LatencyMs;
    let prepared = Prepared::read(&folder.places("unused"), &recipe).unwrap();
    let limit = Limit::of(&prepared, &recipe, &journal, &Unwatched).unwrap();
    let again = Limit::of(&prepared, &recipe, &journal, &Unwatched).unwrap();
    // Two measurements would differ in the last digits, so equality proves that the second call read the cache.
    assert_eq!(limit.latency, again.latency);
    let table = limit.latency.as_ref().unwrap();
    let groups = &prepared.model.groups;
    assert_eq!((table.batch, table.shapes.len()), (8, 4));
    // The blocks of the last layer compute only one position.
    let shapes = table.shapes.iter().map(|shape| shape.groups.as_slice());
    let expected: [&[usize]; 4] = [&[0, 2], &[1, 3], &[4], &[5]];
    assert_eq!(groups.len(), 6);
    assert_eq!(shapes.collect::<Vec<_>>(), expected);
    for shape in &table.shapes {
        assert!(shape.points.len() > 1 && shape.points[0].kept == 0);
        assert!(shape.points.iter().all(|point| point.share > 0.0));
        assert!(shape.points.iter().any(|point| point.deviation > 0.0));
    }
}

#[test]
fn the_selection_meets_a_latency_target() {
    let folder = Folder::new(Tiny::default());
    let mut recipe = folder.recipe(0.6);
    recipe.target.metric = Metric::LatencyMs;
    let prepared = Prepared::read(&folder.places("unused"), &recipe).unwrap();
    let groups = &prepared.model.groups;
    let journal = FixedLatency::of(groups);
    let cost = journal.0.cost(groups);
    let report = run(&folder.places("out"), &recipe, &journal, &Unwatched).unwrap();
    let kept = report.groups.iter().map(|group| group.kept);
    let share = cost.of(kept) as f64 / cost.whole(groups) as f64;
    let least = recipe.target.keep * (1.0 - recipe.target.tolerance);
    assert!(least <= share && share <= recipe.target.keep, "{share}");
    let written = std::fs::read(folder.root.path().join("out").join(NAME)).unwrap();
    let written: LatencyTable = serde_json::from_slice(&written).unwrap();
    assert_eq!(written, journal.0);
}
