//! Tests of the stage cache: resumption, damaged documents, and documents that several runs share.

use optin::prune::failure::Code;
use optin::prune::journal::{FolderJournal, NoJournal};
use optin::prune::recipe::Estimator;
use optin::prune::run;
use optin::prune::stage::Stage;
use optin::prune::watch::Unwatched;

use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;
use crate::fixture::stopping::Stopping;

#[test]
fn a_run_can_stop_anywhere_leaves_no_partial_output_and_resumes_from_the_stage_cache() {
    let folder = Folder::new(Tiny::default());
    let mut recipe = folder.recipe(0.6);
    // Scoring works block by block. Each scored block is cached, and the next run resumes after it.
    recipe.method.estimator = Estimator::Exact;
    let journal = FolderJournal::open(&folder.root.path().join("journal")).unwrap();
    let mut stopped_in = Vec::new();
    // A document that a stopped run left changes how often the next run asks, so the first pass may miss a stage. In the
    // second pass, all documents are there.
    for out in ["out", "again"] {
        for stop_at in 0.. {
            assert!(
                stop_at < 400,
                "the run must end within 400 calls of proceed"
            );
            let watch = Stopping::at(stop_at);
            match run(&folder.places(out), &recipe, &journal, &watch) {
                Ok(_) => break,
                Err(failure) => {
                    assert_eq!(failure.code, Code::Canceled);
                    stopped_in.push(failure.stage.unwrap());
                    let left = std::fs::read_dir(folder.root.path())
                        .unwrap()
                        .map(|file| file.unwrap().file_name().into_string().unwrap());
                    let left: Vec<String> = left.filter(|name| name.contains(out)).collect();
                    assert!(left.is_empty(), "{left:?}");
                }
            }
        }
    }
    for stage in &Stage::ALL[..7] {
        assert!(stopped_in.contains(stage), "never stopped in {stage:?}");
    }
    // The resumed run has the same result as a run without a stop.
    run(&folder.places("straight"), &recipe, &NoJournal, &Unwatched).unwrap();
    assert!(folder.weights("out") == folder.weights("straight"));
}

#[test]
fn damaged_documents_of_the_stage_cache_are_recomputed() {
    let folder = Folder::new(Tiny::default());
    let recipe = folder.recipe(0.6);
    let path = folder.root.path().join("journal");
    let journal = FolderJournal::open(&path).unwrap();
    run(&folder.places("first"), &recipe, &journal, &Unwatched).unwrap();
    // First invalid content, then a document of the right form with a different last number.
    let invalid = |_: Vec<u8>| b"not what it was".to_vec();
    let altered = |mut document: Vec<u8>| {
        *document.last_mut().unwrap() ^= 0x40;
        document
    };
    for (round, damage) in [&invalid as &dyn Fn(Vec<u8>) -> Vec<u8>, &altered]
        .into_iter()
        .enumerate()
    {
        let mut damaged = 0;
        for file in std::fs::read_dir(&path).unwrap() {
            let file = file.unwrap().path();
            std::fs::write(&file, damage(std::fs::read(&file).unwrap())).unwrap();
            damaged += 1;
        }
        assert_eq!(
            damaged, 8,
            "six blocks of scores, the token weights and the compensation"
        );
        let out = format!("again-{round}");
        run(&folder.places(&out), &recipe, &journal, &Unwatched).unwrap();
        assert!(folder.weights("first") == folder.weights(&out));
    }
}

#[test]
fn cached_scores_are_shared_between_targets_but_not_between_method_settings() {
    let folder = Folder::new(Tiny::default());
    let path = folder.root.path().join("journal");
    let journal = FolderJournal::open(&path).unwrap();
    let named = |name: &str| {
        std::fs::read_dir(&path)
            .unwrap()
            .filter(|file| {
                let file = file.as_ref().unwrap().file_name();
                file.to_string_lossy().starts_with(name)
            })
            .count()
    };
    let documents = || named("scores");
    run(
        &folder.places("a"),
        &folder.recipe(0.6),
        &journal,
        &Unwatched,
    )
    .unwrap();
    assert_eq!(documents(), 6);
    run(
        &folder.places("b"),
        &folder.recipe(0.5),
        &journal,
        &Unwatched,
    )
    .unwrap();
    assert_eq!(documents(), 6);
    // The token weights are the same for every target, and reading them from the cache does not change the result.
    assert_eq!((named("position_weights"), named("compensation")), (1, 2));
    run(
        &folder.places("fresh"),
        &folder.recipe(0.5),
        &NoJournal,
        &Unwatched,
    )
    .unwrap();
    assert!(folder.weights("b") == folder.weights("fresh"));
    let mut warmer = folder.recipe(0.6);
    warmer.method.temperature = 1.0;
    run(&folder.places("c"), &warmer, &journal, &Unwatched).unwrap();
    assert_eq!(documents(), 12);
}
