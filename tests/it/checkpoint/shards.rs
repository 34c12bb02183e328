//! Checkpoints with weights in several files.

use optin::checkpoint::limits::Limits;
use optin::checkpoint::read_file::ReadFile;
use optin::checkpoint::weights::Weights;
use optin::checkpoint::write::{OutTensor, write};
use optin::prune::digest::sha256_of;
use optin::prune::failure::Code;
use serde_json::json;
use std::path::Path;

use super::{assert_rejected, open, tiny};

/// Splits the tiny model into two shards with an index.
fn shard(folder: &Path) {
    let weights = Weights::open(folder, &Limits::default()).unwrap();
    let tensors: Vec<OutTensor> = weights.entries().map(OutTensor::from).collect();
    let mut map = serde_json::Map::new();
    for (part, tensors) in tensors.chunks(tensors.len().div_ceil(2)).enumerate() {
        let name = format!("model-{:05}-of-00002.safetensors", part + 1);
        write(&folder.join(&name), tensors, None).unwrap();
        map.extend(
            tensors
                .iter()
                .map(|tensor| (tensor.name.clone(), json!(name))),
        );
    }
    std::fs::write(
        folder.join("model.safetensors.index.json"),
        json!({"metadata": {}, "weight_map": map}).to_string(),
    )
    .unwrap();
    std::fs::remove_file(folder.join("model.safetensors")).unwrap();
}

#[test]
fn a_sharded_checkpoint_equals_the_single_file() {
    let (whole, sharded) = (tiny(), tiny());
    shard(sharded.path());
    open(sharded.path(), &Limits::default()).unwrap();
    let read = |folder: &Path| Weights::open(folder, &Limits::default()).unwrap();
    let (whole, sharded) = (read(whole.path()), read(sharded.path()));
    assert_eq!(whole.parameters(), sharded.parameters());
    for entry in whole.entries() {
        assert_eq!(
            sharded
                .entries()
                .find(|other| other.name == entry.name)
                .unwrap()
                .bytes,
            entry.bytes
        );
    }
}

#[test]
fn each_file_of_the_weights_has_a_digest() {
    let (whole, sharded) = (tiny(), tiny());
    shard(sharded.path());
    for (folder, names) in [
        (whole.path(), &["model.safetensors"][..]),
        (
            sharded.path(),
            &[
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
            ],
        ),
    ] {
        let weights = Weights::open(folder, &Limits::default()).unwrap();
        let files = names.iter().map(|name| ReadFile {
            name: (*name).to_owned(),
            bytes: folder.join(name).metadata().unwrap().len(),
            sha256: sha256_of(&folder.join(name)).unwrap(),
        });
        assert!(files.eq(weights.files().iter().cloned()), "{names:?}");
        assert_eq!(
            weights.sha256() == weights.files()[0].sha256,
            names.len() == 1
        );
    }
}

#[test]
fn missing_duplicate_and_outside_shards_are_rejected() {
    let folder = tiny();
    shard(folder.path());
    std::fs::remove_file(folder.path().join("model-00002-of-00002.safetensors")).unwrap();
    assert_rejected(
        folder.path(),
        Code::SourceNotFound,
        &["model-00002-of-00002.safetensors", "copy it"],
    );
    for name in [
        "../model.safetensors",
        "/etc/passwd",
        "model.bin",
        ".hidden.safetensors",
    ] {
        let folder = tiny();
        shard(folder.path());
        let index = json!({"weight_map": {"a": name}}).to_string();
        std::fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
        assert_rejected(
            folder.path(),
            Code::InvalidCheckpoint,
            &[name, "directly in the folder"],
        );
    }
    let folder = tiny();
    shard(folder.path());
    std::fs::copy(
        folder.path().join("model-00001-of-00002.safetensors"),
        folder.path().join("model-00002-of-00002.safetensors"),
    )
    .unwrap();
    assert_rejected(folder.path(), Code::InvalidCheckpoint, &["another shard"]);
}

#[test]
fn an_index_without_shards_or_with_missing_tensors_is_rejected() {
    let index = |text: serde_json::Value| {
        let folder = tiny();
        shard(folder.path());
        let path = folder.path().join("model.safetensors.index.json");
        std::fs::write(path, text.to_string()).unwrap();
        folder
    };
    for (text, word) in [
        (json!({"weight_map": {}}), "lists no shards"),
        (json!({"metadata": {}}), "no valid weight_map"),
        (json!({"weight_map": ["a"]}), "no valid weight_map"),
    ] {
        assert_rejected(
            index(text).path(),
            Code::InvalidCheckpoint,
            &["model.safetensors.index.json", word],
        );
    }
    let folder = tiny();
    shard(folder.path());
    let none: Vec<OutTensor> = Vec::new();
    let second = folder.path().join("model-00002-of-00002.safetensors");
    write(&second, &none, None).unwrap();
    assert_rejected(
        folder.path(),
        Code::InvalidCheckpoint,
        &[
            "is missing",
            "model-00002-of-00002.safetensors, which does not contain it",
        ],
    );
}
