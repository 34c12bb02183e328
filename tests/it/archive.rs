//! Archives that are sent in: a model comes out, or nothing outside the folder.

use optin::prune::failure::{Code, Failure};
use optin::worker::source::archive::unpack;
use std::io::Cursor;
use tempfile::TempDir;

use crate::fixture::refusal::assert_says;

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        // Past the builder's own checks, as someone with bad intent would.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        // `-> target` is a symbolic link, `=> target` a hard one.
        let link = content
            .strip_prefix("-> ")
            .map(|to| (tar::EntryType::Symlink, to));
        let link = link.or(content
            .strip_prefix("=> ")
            .map(|to| (tar::EntryType::Link, to)));
        let content = match link {
            Some((kind, target)) => {
                header.set_entry_type(kind);
                header.set_link_name(target).unwrap();
                ""
            }
            None => content,
        };
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

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
        "something escaped"
    );
    (root, outcome)
}

const WHOLE: [(&str, &str); 2] = [("config.json", "{}"), ("model.safetensors", "weights")];

#[test]
fn a_model_at_the_root_or_in_one_folder_is_unpacked_without_the_rest() {
    let mut files = WHOLE.to_vec();
    files.extend([
        ("modeling.py", "import os"),
        ("pytorch_model.bin", "pickle"),
        ("a/b/config.json", "{}"),
    ]);
    assert_eq!(
        unpacked(&archive(&files), 100).1.unwrap(),
        ["config.json", "model.safetensors"]
    );
    let within = WHOLE.map(|(name, content)| (format!("./model/{name}"), content));
    let within: Vec<_> = within
        .iter()
        .map(|(name, content)| (name.as_str(), *content))
        .collect();
    assert_eq!(
        unpacked(&archive(&within), 100).1.unwrap(),
        ["config.json", "model.safetensors"]
    );
}

#[test]
fn what_is_no_whole_model_is_refused_with_its_reason() {
    let refused = |files: &[(&str, &str)], cap, code, word: &str| {
        let failure = unpacked(&archive(files), cap).1.unwrap_err();
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.detail.contains(word), "{failure}");
    };
    let [config, weights] = WHOLE;
    refused(&[weights], 100, Code::SourceNotFound, "config.json");
    refused(
        &[config, ("pytorch_model.bin", "")],
        100,
        Code::UnsafeFormat,
        "safetensors",
    );
    refused(&WHOLE, 8, Code::LimitExceeded, "8 bytes");
    refused(
        &[config, weights, config],
        100,
        Code::InvalidCheckpoint,
        "twice",
    );
    refused(
        &[config, ("other/model.safetensors", "")],
        100,
        Code::InvalidCheckpoint,
        "weights are in another folder, other/",
    );
    refused(
        &[("../config.json", "{}"), ("/model.safetensors", "")],
        100,
        Code::SourceNotFound,
        "config.json",
    );
    for noise in [&b"no archive"[..], &[0xff; 2_000]] {
        let failure = unpacked(noise, 100).1.unwrap_err();
        assert!(failure.detail.contains("tar"), "{failure}");
    }
}

fn taken(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let (root, outcome) = unpacked(&archive(files), 1_000);
    let read =
        |name: &String| std::fs::read_to_string(root.path().join("folder").join(name)).unwrap();
    outcome
        .unwrap()
        .into_iter()
        .map(|name| (name.clone(), read(&name)))
        .collect()
}

fn refusal(files: &[(&str, &str)]) -> Failure {
    unpacked(&archive(files), 1_000).1.unwrap_err()
}

fn pairs(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, content): &(&str, &str)| ((*name).to_owned(), (*content).to_owned());
    files.iter().map(owned).collect()
}

#[test]
fn the_topmost_whole_model_is_taken_in_any_order_of_the_entries() {
    let of_a_trainer = [
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
    assert_eq!(taken(&of_a_trainer), model);
    let mut backwards = of_a_trainer;
    backwards.reverse();
    assert_eq!(taken(&backwards), model);
    let inside = of_a_trainer.map(|(name, content)| (format!("my-model/{name}"), content));
    let inside: Vec<_> = (inside
        .iter()
        .map(|(name, content)| (name.as_str(), *content)))
    .collect();
    assert_eq!(taken(&inside), model);
    // Only whole models count: weights alone at the top are none.
    assert_eq!(
        taken(&[
            ("model.safetensors", "stray"),
            ("a/b/c/config.json", "{}"),
            ("a/b/c/model.safetensors", "deep"),
        ]),
        pairs(&[("config.json", "{}"), ("model.safetensors", "deep")])
    );
}

#[test]
fn two_models_in_folders_of_one_depth_are_refused_by_name() {
    let failure = refusal(&[
        ("a/config.json", "{}"),
        ("a/model.safetensors", "1"),
        ("b/config.json", "{}"),
        ("b/model.safetensors", "2"),
    ]);
    assert_says(
        &failure,
        Code::InvalidCheckpoint,
        &["more than one model", "a/", "b/"],
    );
}

#[test]
fn links_are_followed_within_the_archive_and_told_where_they_lead_out_of_it() {
    // A hub's cache, as `tar -c` and as `tar -ch` store it.
    for link in ["-> ../../blobs/", "=> models--org--name/blobs/"] {
        let links = [format!("{link}c"), format!("{link}w")];
        let model = taken(&[
            ("models--org--name/refs/main", "sha"),
            ("models--org--name/blobs/c", "{}"),
            ("models--org--name/blobs/w", "weights"),
            ("models--org--name/snapshots/sha/config.json", &links[0]),
            (
                "models--org--name/snapshots/sha/model.safetensors",
                &links[1],
            ),
        ]);
        assert_eq!(model, pairs(&WHOLE));
    }
    for target in [
        "../../blobs/w",
        "/etc/passwd",
        "model.safetensors",
        "../../../../x",
    ] {
        let link = format!("-> {target}");
        let failure = refusal(&[
            ("snapshots/sha/config.json", "{}"),
            ("snapshots/sha/model.safetensors", &link),
        ]);
        assert_says(
            &failure,
            Code::InvalidCheckpoint,
            &[
                "links instead of files",
                "snapshots/sha/model.safetensors",
                "tar -h",
            ],
        );
    }
}

#[test]
fn an_archive_without_a_model_is_told_what_it_holds() {
    assert_says(
        &refusal(&[("out/config.json", "{}"), ("out/pytorch_model.bin", "x")]),
        Code::UnsafeFormat,
        &["pytorch_model.bin", "safe_serialization"],
    );
    assert_says(
        &refusal(&[
            ("out/adapter_config.json", "{}"),
            ("out/adapter_model.safetensors", "x"),
        ]),
        Code::UnsupportedModel,
        &["PEFT adapter", "merge_and_unload"],
    );
    assert_says(
        &refusal(&[("a/config.json", "{}"), ("b/notes.md", "x")]),
        Code::SourceNotFound,
        &["subfolder a/ does"],
    );
}

#[test]
fn other_formats_and_cut_archives_are_told() {
    let whole = archive(&WHOLE);
    for (first, words) in [
        (&b"\x1f\x8b\x08\0"[..], ["gzip", "without compression"]),
        (b"\x28\xb5\x2f\xfd", ["Zstandard", "without compression"]),
        (b"PK\x03\x04....", ["zip archive", "tar -cf"]),
        (b"<!DOCTYPE html>", ["web page", "not a tar archive"]),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            ["Git LFS", "git lfs pull"],
        ),
        (b"", ["is empty", "fetch it again"]),
    ] {
        let failure = unpacked(first, 100).1.unwrap_err();
        assert_says(&failure, Code::InvalidCheckpoint, &words);
    }
    // The first entry has a header and its content, the second as well, of 512 bytes each.
    for length in [1_024 + 513, 1_024 + 516] {
        let failure = unpacked(&whole[..length], 100).1.unwrap_err();
        assert_says(
            &failure,
            Code::InvalidCheckpoint,
            &["truncated", "model.safetensors"],
        );
    }
    // What comes after the last file may lack.
    unpacked(&whole[..4 * 512], 100).1.unwrap();
}
