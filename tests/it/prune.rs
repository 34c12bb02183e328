//! Tests of whole pruning runs on a tiny model: output files, reproducibility and failures.

mod pipes;
mod stage_cache;

use optin::checkpoint::config::Config;
use optin::checkpoint::limits::Limits;
use optin::checkpoint::read_file::ReadFile;
use optin::checkpoint::tokenizer;
use optin::checkpoint::weights::Weights;
use optin::model::mask::Masks;
use optin::model::registry;
use optin::model::unit::Units;
use optin::prune::digest::sha256_of;
use optin::prune::failure::Code;
use optin::prune::inputs::{Input, Role};
use optin::prune::journal::{FolderJournal, NoJournal};
use optin::prune::prepare::Prepared;
use optin::prune::recipe::{AnswerTerm, Compensation, Estimator, Method};
use optin::prune::report::Report;
use optin::prune::search::keep_map::KeepMap;
use optin::prune::stage::Stage;
use optin::prune::verify::golden::{Golden, Numbers};
use optin::prune::watch::Unwatched;
use optin::prune::{estimate, run};
use safetensors::Dtype;
use std::path::Path;

use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;
use crate::fixture::stopping::Stopping;

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Removes the measured times from a report, which differ between runs.
fn without_times(mut report: Report) -> Report {
    report.stages.clear();
    for latency in [&mut report.latency, report.latency_single.as_mut().unwrap()] {
        latency.median_ms.before = 0.0;
        latency.median_ms.after = 0.0;
        latency.speedup = 0.0;
    }
    report
}

#[test]
fn one_row_and_a_batch_are_timed() {
    let folder = Folder::new(Tiny::default());
    let places = folder.places("out");
    let report = run(&places, &folder.recipe(0.5), &NoJournal, &Unwatched).unwrap();
    let single = report.latency_single.unwrap();
    assert_eq!((single.batch, report.latency.batch), (1, 8));
    assert_eq!(single.length, report.latency.length);
    for latency in [single, report.latency] {
        assert!(latency.median_ms.after > 0.0 && latency.speedup > 0.0);
    }
}

#[test]
fn a_report_lists_every_input_file() {
    let folder = Folder::new(Tiny::default());
    let report = run(
        &folder.places("out"),
        &folder.recipe(0.5),
        &NoJournal,
        &Unwatched,
    )
    .unwrap();
    let model = |role, name: &str| (role, folder.model().join(name));
    let mut files = vec![
        model(Role::Config, "config.json"),
        model(Role::Processor, "tokenizer.json"),
        model(Role::Weights, "model.safetensors"),
        (Role::Calibration, folder.calibration()),
        (Role::Evaluation, folder.evaluation()),
    ];
    // Other tokenizer files of the fixture.
    for name in tokenizer::files_of(&folder.model()) {
        if name != "tokenizer.json" {
            files.push(model(Role::Processor, name));
        }
    }
    assert_eq!(report.inputs.len(), files.len());
    for (role, path) in files {
        let file = ReadFile {
            name: path.file_name().unwrap().to_str().unwrap().to_owned(),
            bytes: path.metadata().unwrap().len(),
            sha256: sha256_of(&path).unwrap(),
        };
        assert!(
            report.inputs.contains(&Input { role, file }),
            "{}: {:?}",
            path.display(),
            report.inputs
        );
    }
    let written: serde_json::Value = read(&folder.root.path().join("out/report.json"));
    let first = &written["inputs"][0];
    assert_eq!(
        (&first["role"], &first["name"]),
        (&"config".into(), &"config.json".into())
    );
    assert_eq!(first["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn a_run_writes_a_complete_and_self_describing_folder() {
    let folder = Folder::new(Tiny {
        dtype: Dtype::F16,
        ..Tiny::default()
    });
    let report = run(
        &folder.places("out"),
        &folder.recipe(0.5),
        &NoJournal,
        &Unwatched,
    )
    .unwrap();
    let out = folder.root.path().join("out");
    assert!(
        report.kept <= 0.5 && report.kept >= 0.5 * 0.97,
        "{}",
        report.kept
    );
    assert_eq!(report.evaluation.as_ref().unwrap().rows, 64);
    assert!(report.consistency <= 1e-5);

    let written = std::fs::read_to_string(out.join("report.json")).unwrap();
    assert_eq!(
        written,
        serde_json::to_string_pretty(&report).unwrap() + "\n"
    );
    let sums = std::fs::read_to_string(out.join("SHA256SUMS")).unwrap();
    let mut listed: Vec<&str> = sums
        .lines()
        .map(|line| line.split_once("  ").unwrap().1)
        .collect();
    for line in sums.lines() {
        let (digest, name) = line.split_once("  ").unwrap();
        assert_eq!(digest, sha256_of(&out.join(name)).unwrap(), "{name}");
    }
    listed.push("SHA256SUMS");
    listed.sort_unstable();
    let mut present: Vec<String> = std::fs::read_dir(&out)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    present.sort_unstable();
    assert_eq!(listed, present);
    assert_eq!(
        present,
        [
            "README.md",
            "SHA256SUMS",
            "config.json",
            "frontier.json",
            "keep_map.json",
            "model.onnx",
            "model.safetensors",
            "modeling_optin_bert.py",
            "report.html",
            "report.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "verify.json"
        ]
    );

    // The weights are the kept slices of the original, in its data type.
    let keep_map: KeepMap = read(&out.join("keep_map.json"));
    let limits = Limits::default();
    let weights = Weights::open(&out, &limits).unwrap();
    for (group, layer) in keep_map.groups.iter().step_by(2).zip(0..) {
        let name = format!("bert.encoder.layer.{layer}.attention.self.query.weight");
        assert_eq!(weights.shape(&name).unwrap(), [group.kept.len() * 6, 24]);
        assert_eq!(weights.dtype(&name), Some(Dtype::F16));
    }

    // The recorded logits equal those of the written model.
    let golden: Golden = read(&out.join("verify.json"));
    assert_eq!(golden.rows.len(), 14);
    assert_eq!(golden.padded.unwrap().answers.len(), 6);
    let model = registry::open(&Config::open(&out, &limits).unwrap(), weights, Units::Heads)
        .unwrap()
        .model;
    for row in golden.rows {
        let tensor = |name: &str| {
            let values: Vec<u32> = serde_json::from_value(row.inputs[name].clone()).unwrap();
            let shape = (1, values.len());
            candle_core::Tensor::from_vec(values, shape, &candle_core::Device::Cpu).unwrap()
        };
        let input = optin::model::batch::Input::Tokens {
            ids: tensor("input_ids"),
            types: tensor("token_type_ids"),
            asked: None,
        };
        let logits = model
            .forward(
                &optin::model::batch::Batch {
                    rows: vec![0],
                    input,
                },
                &Masks::full(&model.groups),
            )
            .unwrap();
        let values = logits.stream.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(Numbers::Row(values), row.answer);
    }
}

#[test]
fn the_same_recipe_writes_the_same_bytes_and_another_seed_changes_the_selection() {
    let folder = Folder::new(Tiny::default());
    let recipe = folder.recipe(0.6);
    let first = run(&folder.places("first"), &recipe, &NoJournal, &Unwatched).unwrap();
    let second = run(&folder.places("second"), &recipe, &NoJournal, &Unwatched).unwrap();
    assert_eq!(without_times(first), without_times(second));
    let file =
        |out: &str, name: &str| std::fs::read(folder.root.path().join(out).join(name)).unwrap();
    for name in [
        "model.safetensors",
        "keep_map.json",
        "verify.json",
        "config.json",
    ] {
        assert!(file("first", name) == file("second", name), "{name}");
    }
    let mut other = recipe.clone();
    other.calibration.seed += 1;
    run(&folder.places("third"), &other, &NoJournal, &Unwatched).unwrap();
    assert!(file("first", "keep_map.json") != file("third", "keep_map.json"));
}

#[test]
fn a_pruned_model_can_be_pruned_again() {
    let folder = Folder::new(Tiny::default());
    let once = run(
        &folder.places("once"),
        &folder.recipe(0.7),
        &NoJournal,
        &Unwatched,
    )
    .unwrap();
    let mut places = folder.places("twice");
    places.model = folder.root.path().join("once");
    let mut recipe = folder.recipe(0.7);
    recipe.target.tolerance = 0.1;
    let twice = run(&places, &recipe, &NoJournal, &Unwatched).unwrap();
    assert_eq!(twice.size.before, once.size.after);
    assert!(twice.size.after.macs < twice.size.before.macs);
}

#[test]
fn compensation_brings_the_model_closer_to_the_original() {
    let folder = Folder::new(Tiny {
        neurons: 48,
        ..Tiny::default()
    });
    let recipe = folder.recipe(0.5);
    let bare = Method {
        compensation: Compensation::None,
        ..recipe.method
    };
    let bare = optin::prune::recipe::Recipe {
        method: bare,
        ..recipe.clone()
    };
    let without = run(&folder.places("without"), &bare, &NoJournal, &Unwatched).unwrap();
    let with = run(&folder.places("with"), &recipe, &NoJournal, &Unwatched).unwrap();
    assert_eq!(with.groups, without.groups);
    assert!(
        with.fidelity.feature_cosine > without.fidelity.feature_cosine + 0.01,
        "{} {}",
        with.fidelity.feature_cosine,
        without.fidelity.feature_cosine
    );
    assert!(
        without.compensation.is_empty() && with.compensation.iter().any(|repair| repair.accepted)
    );
    // Both reports have the same score for the selection without compensation.
    let alone = without.evaluation.unwrap().main;
    assert_eq!(alone.without_compensation, None);
    assert_eq!(
        with.evaluation.unwrap().main.without_compensation,
        Some(alone.score.after)
    );
}

/// Both runs repair the same first block, whose inputs are those of the original.
#[test]
fn a_joint_repair_lowers_the_error_of_a_block_further() {
    let folder = Folder::new(Tiny {
        neurons: 48,
        ..Tiny::default()
    });
    let [joint, alone] = [Compensation::Joint, Compensation::LeastSquares].map(|compensation| {
        let mut recipe = folder.recipe(0.5);
        recipe.constraints.keep_whole = vec!["encoder.layer.0.heads".to_owned()];
        recipe.method.units = Units::Heads;
        recipe.method.compensation = compensation;
        let out = folder.places(<&str>::from(compensation));
        run(&out, &recipe, &NoJournal, &Unwatched).unwrap()
    });
    let [joint, alone] = [&joint, &alone].map(|report| &report.compensation[0]);
    assert_eq!(joint.group, "encoder.layer.0.neurons");
    assert_eq!(joint.error_before, alone.error_before);
    assert!(
        joint.error_after < 0.98 * alone.error_after,
        "{joint:?} {alone:?}"
    );
}

#[test]
fn an_estimate_matches_the_run() {
    let folder = Folder::new(Tiny::default());
    let plan = estimate(&folder.places("unused"), &folder.recipe(0.5), &Unwatched).unwrap();
    let report = run(
        &folder.places("out"),
        &folder.recipe(0.5),
        &NoJournal,
        &Unwatched,
    )
    .unwrap();
    assert_eq!(plan.size, report.size.before);
    assert_eq!(plan.calibration, report.calibration);
    assert!(report.size.after.macs <= plan.target_cost);
    assert!(
        plan.reachable_cost < plan.target_cost
            && plan.scoring_macs > 0
            && plan.peak_bytes > plan.size.bytes
    );
    assert!(!folder.root.path().join("unused").exists());
}

#[test]
fn an_unreachable_target_is_rejected_before_scoring() {
    let folder = Folder::new(Tiny::default());
    let watch = Stopping::at(usize::MAX);
    let failure = run(
        &folder.places("out"),
        &folder.recipe(0.001),
        &NoJournal,
        &watch,
    )
    .unwrap_err();
    assert_eq!(
        (failure.code, failure.stage),
        (Code::TargetUnreachable, Some(Stage::Planning))
    );
    assert!(failure.detail.contains("or more"), "{}", failure.detail);
    assert_eq!(
        *watch.stages.lock().unwrap(),
        [Stage::Preparing, Stage::Planning]
    );
}

#[test]
fn an_output_folder_that_is_not_empty_is_rejected_and_unchanged() {
    let folder = Folder::new(Tiny::default());
    let places = folder.places("out");
    std::fs::create_dir(&places.out).unwrap();
    std::fs::write(places.out.join("precious"), "mine").unwrap();
    let failure = run(&places, &folder.recipe(0.5), &NoJournal, &Unwatched).unwrap_err();
    assert_eq!(failure.code, Code::InvalidRecipe);
    assert!(failure.detail.contains("not empty"));
    assert_eq!(
        std::fs::read_to_string(places.out.join("precious")).unwrap(),
        "mine"
    );
}

#[test]
fn a_regression_model_is_evaluated_by_rank_correlation() {
    let folder = Folder::new(Tiny {
        labels: 1,
        ..Tiny::default()
    });
    let mut table = "text\tscore\n".to_owned();
    for row in 0..40 {
        table.push_str(&format!(
            "w{} w{} w{}\t{}.5\n",
            row % 50,
            (row * 7) % 50,
            (row * 3) % 50,
            row % 5
        ));
    }
    std::fs::write(folder.evaluation(), table).unwrap();
    let report = run(
        &folder.places("out"),
        &folder.recipe(0.5),
        &NoJournal,
        &Unwatched,
    )
    .unwrap();
    let evaluation = report.evaluation.unwrap();
    assert_eq!(evaluation.rows, 40);
    let evaluation = evaluation.main;
    assert_eq!(
        (evaluation.metric.as_str(), evaluation.constant),
        ("spearman", None)
    );
    assert!(evaluation.score.before.abs() <= 1.0 && evaluation.standard_error.before > 0.0);
    assert_eq!(report.fidelity.agreement, None);
    assert!(report.fidelity.divergence > 0.0);
}

#[test]
fn a_run_with_the_sketch_estimator_is_reproducible_and_audited() {
    let folder = Folder::new(Tiny::default());
    let mut recipe = folder.recipe(0.5);
    recipe.method.estimator = Estimator::Sketch;
    recipe.method.audit = true;
    let documents = |out: &str| {
        let journal = folder.root.path().join(format!("journal-{out}"));
        let kept = FolderJournal::open(&journal).unwrap();
        let report = run(&folder.places(out), &recipe, &kept, &Unwatched).unwrap();
        assert_eq!(report.estimator, Estimator::Sketch);
        assert!(report.audit.unwrap().spearman > 0.9);
        assert!(report.consistency <= 1e-5);
        let files = std::fs::read_dir(&journal).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let mut files: Vec<_> = files
            .filter(|path| {
                let name = path.file_name().unwrap().to_string_lossy();
                name.starts_with("scores")
            })
            .map(|path| {
                let name = path.file_name().unwrap().to_owned();
                (name, std::fs::read(path).unwrap())
            })
            .collect();
        files.sort();
        files
    };
    let (first, second) = (documents("first"), documents("second"));
    assert_eq!(first.len(), 2 * folder.tiny.layers);
    for (one, other) in first.iter().zip(&second) {
        assert_eq!(one.0, other.0);
        assert!(one.1 == other.1, "{:?} differs", one.0);
    }
    assert_eq!(first.len(), second.len());
}

#[test]
fn models_whose_answers_have_no_parts_compare_the_answers_and_say_so() {
    let folder = Folder::new(Tiny::default());
    let mut recipe = folder.recipe(0.6);
    for (term, expected) in [(AnswerTerm::Answers, false), (AnswerTerm::Parts, true)] {
        recipe.method.answer_term = term;
        let prepared = Prepared::read(&folder.places("out"), &recipe).unwrap();
        let mut notes = prepared.notes.iter();
        assert_eq!(notes.any(|note| note.contains("have no parts")), expected);
        assert!(std::ptr::eq(
            prepared.scored().head,
            &raw const prepared.model.head
        ));
    }
}
