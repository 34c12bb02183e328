//! Uploaded archives: unpacking writes one model, and never writes outside the target folder.

use optin::prune::failure::{Code, Failure};
use optin::worker::source::archive::unpack;
use std::io::Cursor;
use tempfile::TempDir;

use crate::fixture::refusal::assert_says;

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        // Sets the name without the checks of the builder, as an attacker can.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        // `-> target` stands for a symbolic link, and `=> target` for a hard link.
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
        "a file was written outside the folder"
    );
    (root, outcome)
}

const MODEL: [(&str, &str); 2] = [("config.json", "{}"), ("model.safetensors", "weights")];

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
        &[config, weights, config],
        100,
        Code::InvalidCheckpoint,
        "twice",
    );
    assert_rejected(
        &[config, ("other/model.safetensors", "")],
        100,
        Code::InvalidCheckpoint,
        "weights are in another folder, other/",
    );
    assert_rejected(
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
fn the_error_for_two_models_at_the_same_depth_names_both() {
    let failure = rejection(&[
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
fn links_are_followed_within_the_archive_and_rejected_if_they_lead_out_of_it() {
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
    for target in [
        "../../blobs/w",
        "/etc/passwd",
        "model.safetensors",
        "../../../../x",
    ] {
        let link = format!("-> {target}");
        let failure = rejection(&[
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
fn other_formats_and_truncated_archives_are_rejected() {
    let whole = archive(&MODEL);
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
    // Each of the two entries has a header and its content, of 512 bytes each. The file ends within the second one.
    for length in [1_024 + 513, 1_024 + 516] {
        let failure = unpacked(&whole[..length], 100).1.unwrap_err();
        assert_says(
            &failure,
            Code::InvalidCheckpoint,
            &["truncated", "model.safetensors"],
        );
    }
    // The end marker after the last file may be missing.
    unpacked(&whole[..4 * 512], 100).1.unwrap();
}

/// Returns a tar archive of a model, with a header of this kind before it.
fn with_header(kind: tar::EntryType, content: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_path("././@LongLink").unwrap();
    header.set_size(content.len() as u64);
    header.set_cksum();
    builder.append(&header, content).unwrap();
    let mut bytes = builder.into_inner().unwrap();
    bytes.truncate(bytes.len() - 1024);
    bytes.extend(archive(&MODEL));
    bytes
}

#[test]
fn names_and_headers_are_limited_before_they_are_kept() {
    for kind in [
        tar::EntryType::GNULongName,
        tar::EntryType::GNULongLink,
        tar::EntryType::XHeader,
    ] {
        let failure = unpacked(&with_header(kind, &vec![b'a'; 20 << 20]), 100)
            .1
            .unwrap_err();
        assert_says(
            &failure,
            Code::LimitExceeded,
            &["more than 1048576 bytes", "shorter names"],
        );
    }
    // The name of the first file is too long for one of a model.
    let failure = unpacked(
        &with_header(tar::EntryType::GNULongName, &[b'a'; 5_000]),
        100,
    )
    .1
    .unwrap_err();
    assert_says(&failure, Code::SourceNotFound, &["config.json"]);
}

#[test]
fn sparse_files_are_rejected() {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_path("model.safetensors").unwrap();
    header.set_size(0);
    let gnu = header.as_gnu_mut().unwrap();
    // The content is one hole of 1 GiB.
    gnu.realsize.copy_from_slice(b"010000000000");
    gnu.sparse[0].offset.copy_from_slice(b"010000000000");
    gnu.sparse[0].numbytes.copy_from_slice(b"000000000000");
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header, &b""[..]).unwrap();
    let failure = unpacked(&builder.into_inner().unwrap(), 1 << 40)
        .1
        .unwrap_err();
    assert_says(&failure, Code::InvalidCheckpoint, &["sparse", "tar -S"]);
}
