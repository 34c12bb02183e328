//! The reproducibility hash: the same hash means the same bytes of the model.

use std::fs;

use optin::prune::journal::NoJournal;
use optin::prune::recipe::{Metric, Output, Recipe, Reporting, Source};
use optin::prune::report::Report;
use optin::prune::reproducibility::Reproducibility;
use optin::prune::run;
use optin::prune::watch::Unwatched;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::fixture::bert::Tiny;
use crate::fixture::fixed_latency::FixedLatency;
use crate::fixture::folder::{Folder, open};

/// Runs a recipe, and returns its hash and the bytes of both model files.
fn ran(folder: &Folder, recipe: &Recipe, out: &str) -> (Reproducibility, [Vec<u8>; 2]) {
    let report = run(&folder.places(out), recipe, &NoJournal, &Unwatched).unwrap();
    let out = folder.root.path().join(out);
    let files = ["model.safetensors", "model.onnx"];
    (
        report.reproducibility.unwrap(),
        files.map(|name| fs::read(out.join(name)).unwrap()),
    )
}

#[test]
fn the_same_job_gives_the_same_hash_and_the_same_bytes() {
    let folder = Folder::new(Tiny::default());
    let recipe = folder.recipe(0.5);
    let first = ran(&folder, &recipe, "first");
    // Neither the locations of the sources nor the report have an effect on the model.
    let elsewhere = Recipe {
        model: Source::new("hf://org/name@main"),
        outputs: vec![Output::Onnx],
        report: Reporting { rows: 0 },
        ..recipe.clone()
    };
    assert!(ran(&folder, &elsewhere, "second") == first);

    let mut other = recipe.clone();
    other.calibration.seed += 1;
    let (hash, bytes) = ran(&folder, &other, "other");
    assert!(hash.hash != first.0.hash && bytes[0] != first.1[0]);
}

#[test]
fn the_hash_covers_what_its_document_says() {
    let folder = Folder::new(Tiny::default());
    let recipe = folder.recipe(0.5);
    let (Reproducibility { hash, of }, _) = ran(&folder, &recipe, "out");
    let document = |name: &str| fs::read_to_string(folder.root.path().join("out").join(name));
    // Anybody can compute it from the report.
    let report: Value = serde_json::from_str(&document("report.json").unwrap()).unwrap();
    let told = report["reproducibility"]["of"].to_string();
    assert_eq!(hex::encode(Sha256::digest(told)), hash);
    for name in ["report.html", "README.md"] {
        assert!(document(name).unwrap().contains(&hash), "{name}");
    }
    // The digest of the model is that of the list that sha256sum prints.
    let model = folder.model();
    let report: Report = serde_json::from_value(report).unwrap();
    let files = report
        .inputs
        .iter()
        .filter(|input| model.join(&input.file.name).exists());
    let list: String = files
        .map(|input| {
            let content = fs::read(model.join(&input.file.name)).unwrap();
            format!(
                "{}  {}\n",
                hex::encode(Sha256::digest(content)),
                input.file.name
            )
        })
        .collect();
    assert_eq!(hex::encode(Sha256::digest(list)), of.model);
    // A file of the data with one other row gives another hash.
    let table = fs::read_to_string(folder.evaluation()).unwrap();
    let (kept, _) = table.trim_end().rsplit_once('\n').unwrap();
    fs::write(folder.evaluation(), kept).unwrap();
    let (changed, _) = ran(&folder, &recipe, "changed");
    assert!(changed.of.evaluation != of.evaluation && changed.of.calibration == of.calibration);
    assert_ne!(changed.hash, hash);
}

#[test]
fn a_target_that_is_measured_has_no_hash() {
    let folder = Folder::new(Tiny::default());
    let model = open(&folder.model()).1;
    let mut recipe = folder.recipe(0.7);
    recipe.target.metric = Metric::LatencyMs;
    recipe.target.tolerance = 0.1;
    let journal = FixedLatency::of(&model.groups);
    let report = run(&folder.places("out"), &recipe, &journal, &Unwatched).unwrap();
    assert_eq!(report.reproducibility, None);
}
