//! Uploaded archives: unpacking writes one model, and never writes outside the target folder.

use optin::prune::failure::{Code, Failure};
use optin::worker::source::archive::unpack;
use std::io::Cursor;
use tempfile::TempDir;

use crate::fixture::hostile::archives::{self, MODEL, archive};
use crate::fixture::refusal::assert_says;

fn unpacked(archive: &[u8], cap_bytes: u64) -> (TempDir, Result<Vec<String>, Failure>) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    let outcome = unpack(Cursor::new(archive), &folder, cap_bytes).map(|()| {
        let entries = std::fs::read_dir(&folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    });
    assert_eq!(
        std::fs::read_dir(root.path()).unwrap().count(),
        1,
        "a file was written outside the folder"
    );
    (root, outcome)
}

#[test]
fn only_the_files_of_a_model_at_the_root_or_in_one_folder_are_unpacked() {
    let mut files = MODEL.to_vec();
    files.extend([
        ("modeling.py", "import os"),
        ("pytorch_model.bin", "pickle"),
        ("a/b/config.json", "{}"),
    ]);
    assert_eq!(
        unpacked(&archive(&files), 100).1.unwrap(),
        ["config.json", "model.safetensors"]
    );
    let within = MODEL.map(|(name, content)| (format!("./model/{name}"), content));
    let within: Vec<_> = within
        .iter()
        .map(|(name, content)| (name.as_str(), *content))
        .collect();
    assert_eq!(
        unpacked(&archive(&within), 100).1.unwrap(),
        ["config.json", "model.safetensors"]
    );
}

/// The modules of sentence-transformers have folders of their own, of which only known files are unpacked.
#[test]
fn the_modules_of_a_model_are_unpacked() {
    let mut files = MODEL.to_vec();
    files.extend([
        ("modules.json", "[]"),
        ("1_Pooling/config.json", "{}"),
        ("1_Pooling/pooling.py", "import os"),
        ("2_Dense/model.safetensors", "more weights"),
        ("2_Dense/pytorch_model.bin", "pickle"),
        ("2_Dense/deeper/config.json", "{}"),
        ("onnx/config.json", "{}"),
    ]);
    let within = files
        .iter()
        .map(|(name, content)| (format!("a/{name}"), *content));
    let within: Vec<(String, &str)> = within.collect();
    let within: Vec<_> = within
        .iter()
        .map(|(name, content)| (name.as_str(), *content))
        .collect();
    for files in [files, within] {
        let (root, names) = unpacked(&archive(&files), 100);
        assert_eq!(
            names.unwrap(),
            [
                "1_Pooling",
                "2_Dense",
                "config.json",
                "model.safetensors",
                "modules.json"
            ]
        );
        let names = |folder: &str| -> Vec<String> {
            let entries = std::fs::read_dir(root.path().join("folder").join(folder)).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        };
        assert_eq!(names("1_Pooling"), ["config.json"]);
        assert_eq!(names("2_Dense"), ["model.safetensors"]);
    }
}

#[test]
fn archives_without_a_complete_model_are_rejected_with_the_reason() {
    let assert_rejected = |files: &[(&str, &str)], cap, code, word: &str| {
        let failure = unpacked(&archive(files), cap).1.unwrap_err();
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.detail.contains(word), "{failure}");
    };
    let [config, weights] = MODEL;
    assert_rejected(&[weights], 100, Code::SourceNotFound, "config.json");
    assert_rejected(
        &[config, ("pytorch_model.bin", "")],
        100,
        Code::UnsafeFormat,
        "safetensors",
    );
    assert_rejected(&MODEL, 8, Code::LimitExceeded, "8 bytes");
    assert_rejected(
        &[config, ("other/model.safetensors", "")],
        100,
        Code::InvalidCheckpoint,
        "weights are in another folder, other/",
    );
}

/// Returns the names and contents of the unpacked files.
fn unpacked_files(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let (root, outcome) = unpacked(&archive(files), 1_000);
    let read =
        |name: &String| std::fs::read_to_string(root.path().join("folder").join(name)).unwrap();
    outcome
        .unwrap()
        .into_iter()
        .map(|name| (name.clone(), read(&name)))
        .collect()
}

fn rejection(files: &[(&str, &str)]) -> Failure {
    unpacked(&archive(files), 1_000).1.unwrap_err()
}

fn pairs(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, content): &(&str, &str)| ((*name).to_owned(), (*content).to_owned());
    files.iter().map(owned).collect()
}

#[test]
fn the_complete_model_nearest_to_the_top_is_unpacked_in_any_order_of_entries() {
    let trainer_folder = [
        ("checkpoint-500/config.json", "{500}"),
        ("checkpoint-500/model.safetensors", "500"),
        ("checkpoint-500/optimizer.pt", "state"),
        ("onnx/config.json", "{onnx}"),
        ("onnx/model.onnx", "graph"),
        ("runs/Nov28_host/events.out.tfevents", "curve"),
        ("training_args.bin", "pickle"),
        ("config.json", "{top}"),
        ("model.safetensors", "top"),
    ];
    let model = pairs(&[("config.json", "{top}"), ("model.safetensors", "top")]);
    assert_eq!(unpacked_files(&trainer_folder), model);
    let mut reversed = trainer_folder;
    reversed.reverse();
    assert_eq!(unpacked_files(&reversed), model);
    let inside = trainer_folder.map(|(name, content)| (format!("my-model/{name}"), content));
    let inside: Vec<_> = (inside
        .iter()
        .map(|(name, content)| (name.as_str(), *content)))
    .collect();
    assert_eq!(unpacked_files(&inside), model);
    // Weights without a configuration at the top are not a complete model.
    assert_eq!(
        unpacked_files(&[
            ("model.safetensors", "stray"),
            ("a/b/c/config.json", "{}"),
            ("a/b/c/model.safetensors", "deep"),
        ]),
        pairs(&[("config.json", "{}"), ("model.safetensors", "deep")])
    );
}

#[test]
fn links_are_followed_within_the_archive() {
    // The cache folder of a hub, as stored by `tar -c` and by `tar -ch`.
    for link in ["-> ../../blobs/", "=> models--org--name/blobs/"] {
        let links = [format!("{link}c"), format!("{link}w")];
        let model = unpacked_files(&[
            ("models--org--name/refs/main", "sha"),
            ("models--org--name/blobs/c", "{}"),
            ("models--org--name/blobs/w", "weights"),
            ("models--org--name/snapshots/sha/config.json", &links[0]),
            (
                "models--org--name/snapshots/sha/model.safetensors",
                &links[1],
            ),
        ]);
        assert_eq!(model, pairs(&MODEL));
    }
}

#[test]
fn the_error_for_an_archive_without_a_model_says_what_it_contains() {
    assert_says(
        &rejection(&[("out/config.json", "{}"), ("out/pytorch_model.bin", "x")]),
        Code::UnsafeFormat,
        &["pytorch_model.bin", "safe_serialization"],
    );
    assert_says(
        &rejection(&[
            ("out/adapter_config.json", "{}"),
            ("out/adapter_model.safetensors", "x"),
        ]),
        Code::UnsupportedModel,
        &["PEFT adapter", "merge_and_unload"],
    );
    assert_says(
        &rejection(&[("a/config.json", "{}"), ("b/notes.md", "x")]),
        Code::SourceNotFound,
        &["subfolder a/ does"],
    );
}

#[test]
fn hostile_archives_are_rejected_with_the_reason() {
    for hostile in archives::all() {
        let failure = unpacked(&hostile.content, 1 << 40).1.unwrap_err();
        assert_says(&failure, hostile.code, &hostile.words);
    }
}

#[test]
fn the_end_marker_after_the_last_file_may_be_missing() {
    unpacked(&archive(&MODEL)[..4 * 512], 100).1.unwrap();
}
