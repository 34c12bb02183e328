//! Checkpoints that are whole, and every way in which they can be broken: each has a code, and words that name the thing
//! and the remedy.

use optin::checkpoint::config::{Config, Problem};
use optin::checkpoint::error::CheckpointError;
use optin::checkpoint::limits::Limits;
use optin::checkpoint::weights::Weights;
use optin::checkpoint::write::{OutTensor, encode, write};
use optin::model::registry;
use optin::prune::failure::{Code, Failure};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use safetensors::Dtype;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::path::Path;
use tempfile::TempDir;

use crate::fixture::bert::Tiny;

fn tiny() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    Tiny::default().write(folder.path());
    folder
}

/// Opens config, weights and graph, as a job does.
fn open(folder: &Path, limits: &Limits) -> Result<(), CheckpointError> {
    let config = Config::open(folder, limits)?;
    let weights = Weights::open(folder, limits)?;
    registry::open(&config, &weights).map(|_| ())
}

/// That it fails with this code, and says all of these words.
fn refused(folder: &Path, code: Code, words: &[&str]) {
    refused_within(folder, &Limits::default(), code, words);
}

fn refused_within(folder: &Path, limits: &Limits, code: Code, words: &[&str]) {
    let failure = Failure::from(open(folder, limits).unwrap_err());
    assert_eq!(failure.code, code, "{}", failure.detail);
    for word in words {
        assert!(
            failure.detail.contains(word),
            "\"{}\" does not say \"{word}\"",
            failure.detail
        );
    }
}

/// Replaces the header of `model.safetensors`, keeping the data.
fn with_header(folder: &Path, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    let path = folder.join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: serde_json::Map<String, Value> =
        serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    change(&mut header);
    let text = serde_json::to_vec(&header).unwrap();
    let mut changed = (text.len() as u64).to_le_bytes().to_vec();
    changed.extend_from_slice(&text);
    changed.extend_from_slice(&bytes[8 + length..]);
    std::fs::write(path, changed).unwrap();
}

fn with_config(folder: &Path, key: &str, value: Value) {
    let path = folder.join("config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config[key] = value;
    std::fs::write(path, config.to_string()).unwrap();
}

#[test]
fn a_whole_checkpoint_opens() {
    open(tiny().path(), &Limits::default()).unwrap();
}

#[test]
fn a_folder_that_is_not_there() {
    refused(
        Path::new("/nonexistent/model"),
        Code::SourceNotFound,
        &["/nonexistent/model", "not there"],
    );
}

#[test]
fn a_folder_without_config() {
    let folder = tiny();
    std::fs::remove_file(folder.path().join("config.json")).unwrap();
    refused(
        folder.path(),
        Code::SourceNotFound,
        &["config.json", "save_pretrained"],
    );
}

#[test]
fn a_config_that_is_no_object() {
    for text in ["", "[]", "{", "\u{1}"] {
        let folder = tiny();
        std::fs::write(folder.path().join("config.json"), text).unwrap();
        refused(
            folder.path(),
            Code::InvalidCheckpoint,
            &["config.json", "no JSON object"],
        );
    }
}

#[test]
fn an_unknown_model_type() {
    let folder = tiny();
    with_config(folder.path(), "model_type", json!("gpt2"));
    refused(
        folder.path(),
        Code::UnsupportedModel,
        &["\"gpt2\"", "supported are bert"],
    );
    with_config(folder.path(), "model_type", Value::Null);
    refused(folder.path(), Code::UnsupportedModel, &["model_type"]);
}

#[test]
fn sizes_that_cannot_be() {
    for (key, value, word) in [
        ("num_hidden_layers", json!(-1), "whole number"),
        ("num_hidden_layers", json!(1u64 << 60), "between 1 and"),
        ("hidden_size", json!(0), "between 1 and"),
        ("num_attention_heads", json!(5), "no multiple"),
        ("heads_per_layer", json!([1, 2]), "2 entries"),
        (
            "intermediate_size_per_layer",
            json!("many"),
            "list of whole numbers",
        ),
        ("id2label", json!({"0": "a", "2": "c"}), "no name for \"1\""),
        ("hidden_act", json!("swish"), "supported are gelu"),
        ("position_embedding_type", json!("relative_key"), "absolute"),
        ("is_decoder", json!(true), "encoders"),
        (
            "problem_type",
            json!("multi_label_classification"),
            "supported are",
        ),
    ] {
        let folder = tiny();
        with_config(folder.path(), key, value);
        if key == "heads_per_layer" {
            with_config(folder.path(), "head_dim", json!(6));
        }
        let failure = Failure::from(open(folder.path(), &Limits::default()).unwrap_err());
        assert!(
            matches!(
                failure.code,
                Code::InvalidCheckpoint | Code::UnsupportedModel
            ),
            "{key}: {failure:?}"
        );
        assert!(
            failure.detail.contains(key) && failure.detail.contains(word),
            "{key}: {}",
            failure.detail
        );
    }
}

#[test]
fn a_config_that_the_weights_do_not_fit() {
    let folder = tiny();
    with_config(folder.path(), "intermediate_size", json!(21));
    refused(
        folder.path(),
        Code::InvalidCheckpoint,
        &["intermediate.dense.weight", "[20, 24]", "[21, 24]"],
    );
    let folder = tiny();
    with_config(folder.path(), "num_hidden_layers", json!(4));
    refused(
        folder.path(),
        Code::InvalidCheckpoint,
        &["encoder.layer.3", "missing"],
    );
}

#[test]
fn pickle_alone_is_never_opened() {
    for name in ["pytorch_model.bin", "model.pt", "model.ckpt"] {
        let folder = tiny();
        std::fs::rename(
            folder.path().join("model.safetensors"),
            folder.path().join(name),
        )
        .unwrap();
        refused(
            folder.path(),
            Code::UnsafeFormat,
            &[name, "pickle", "safe_serialization"],
        );
    }
    let folder = tiny();
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    refused(
        folder.path(),
        Code::SourceNotFound,
        &["no model.safetensors"],
    );
}

#[test]
fn a_truncated_file_at_every_part() {
    let whole = std::fs::read(tiny().path().join("model.safetensors")).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for length in [
        0,
        1,
        7,
        8,
        9,
        header - 1,
        header,
        header + 1,
        whole.len() - 1,
    ] {
        let folder = tiny();
        std::fs::write(folder.path().join("model.safetensors"), &whole[..length]).unwrap();
        refused(
            folder.path(),
            Code::InvalidCheckpoint,
            &["model.safetensors", "truncated"],
        );
    }
}

#[test]
fn a_header_that_claims_more_than_there_is_or_may_be() {
    for claim in [u64::MAX, 1 << 40, 200 << 20] {
        let folder = tiny();
        let path = folder.path().join("model.safetensors");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[..8].copy_from_slice(&claim.to_le_bytes());
        std::fs::write(&path, bytes).unwrap();
        refused(
            folder.path(),
            Code::InvalidCheckpoint,
            &["header", &claim.to_string()],
        );
    }
    let limits = Limits {
        header_bytes: 64,
        ..Limits::default()
    };
    refused_within(
        tiny().path(),
        &limits,
        Code::InvalidCheckpoint,
        &["header", "at most 64"],
    );
}

#[test]
fn larger_than_the_limits() {
    let limits = Limits {
        weights_bytes: 1_000,
        ..Limits::default()
    };
    refused_within(
        tiny().path(),
        &limits,
        Code::LimitExceeded,
        &["model.safetensors", "at most 1000 bytes"],
    );
    let limits = Limits {
        tensors: 3,
        ..Limits::default()
    };
    refused_within(
        tiny().path(),
        &limits,
        Code::InvalidCheckpoint,
        &["more than 3 tensors"],
    );
    let limits = Limits {
        config_bytes: 10,
        ..Limits::default()
    };
    refused_within(
        tiny().path(),
        &limits,
        Code::LimitExceeded,
        &["config.json", "10 bytes"],
    );
}

#[test]
fn a_header_that_lies() {
    let name = "bert.pooler.dense.bias";
    type Lie = (&'static str, fn(&mut Value));
    let lies: [Lie; 6] = [
        ("hole or an overlap", |entry| {
            entry["data_offsets"] = json!([0, 96]);
        }),
        ("do not fit its shape", |entry| entry["shape"] = json!([25])),
        ("do not fit its shape", |entry| {
            entry["shape"] = json!([u64::MAX, 2]);
        }),
        ("do not fit its shape", |entry| {
            entry["data_offsets"] = json!([96, 0]);
        }),
        ("no valid entry", |entry| entry["dtype"] = json!("F99")),
        ("no valid entry", |entry| entry["shape"] = json!([-24])),
    ];
    for (word, lie) in lies {
        let folder = tiny();
        with_header(folder.path(), |header| lie(&mut header[name]));
        refused(
            folder.path(),
            Code::InvalidCheckpoint,
            &["model.safetensors", word],
        );
    }
    let folder = tiny();
    with_header(folder.path(), |header| {
        header.remove(name);
    });
    refused(
        folder.path(),
        Code::InvalidCheckpoint,
        &["model.safetensors"],
    );
}

#[test]
fn a_name_that_stands_twice() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("config.json"),
        Tiny::default().config().to_string(),
    )
    .unwrap();
    let header = br#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(&[0; 8]);
    std::fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
    refused(folder.path(), Code::InvalidCheckpoint, &["\"a\" twice"]);
}

#[test]
fn weights_that_are_not_finite() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let folder = tiny();
        let weights = Weights::open(folder.path(), &Limits::default()).unwrap();
        let tensors: Vec<OutTensor> = weights
            .entries()
            .map(|entry| {
                let mut bytes = entry.bytes.to_vec();
                if entry.name == "bert.encoder.layer.1.output.dense.weight" {
                    bytes[20..24].copy_from_slice(&value.to_le_bytes());
                }
                OutTensor {
                    name: entry.name.to_owned(),
                    dtype: entry.dtype,
                    shape: entry.shape.to_vec(),
                    bytes: bytes.into(),
                }
            })
            .collect();
        write(&folder.path().join("model.safetensors"), &tensors, None).unwrap();
        refused(
            folder.path(),
            Code::InvalidCheckpoint,
            &[
                "encoder.layer.1.output.dense.weight",
                "element 5",
                "damaged",
            ],
        );
    }
}

#[test]
fn a_model_without_a_classifier() {
    let folder = tiny();
    let weights = Weights::open(folder.path(), &Limits::default()).unwrap();
    let kept = weights
        .entries()
        .filter(|entry| !entry.name.starts_with("classifier"));
    let tensors: Vec<OutTensor> = kept
        .map(|entry| OutTensor {
            name: entry.name.to_owned(),
            dtype: entry.dtype,
            shape: entry.shape.to_vec(),
            bytes: entry.bytes.into(),
        })
        .collect();
    write(&folder.path().join("headless"), &tensors, None).unwrap();
    std::fs::rename(
        folder.path().join("headless"),
        folder.path().join("model.safetensors"),
    )
    .unwrap();
    refused(
        folder.path(),
        Code::UnsupportedModel,
        &["classifier.weight", "fine-tune"],
    );
}

/// Splits the tiny model into two shards with an index.
fn shard(folder: &Path) {
    let weights = Weights::open(folder, &Limits::default()).unwrap();
    let tensors: Vec<OutTensor> = weights
        .entries()
        .map(|entry| OutTensor {
            name: entry.name.to_owned(),
            dtype: entry.dtype,
            shape: entry.shape.to_vec(),
            bytes: entry.bytes.into(),
        })
        .collect();
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
fn shards_are_one_checkpoint() {
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
fn shards_that_are_missing_doubled_or_elsewhere() {
    let folder = tiny();
    shard(folder.path());
    std::fs::remove_file(folder.path().join("model-00002-of-00002.safetensors")).unwrap();
    refused(
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
        refused(
            folder.path(),
            Code::InvalidCheckpoint,
            &[name, "of the folder itself"],
        );
    }
    let folder = tiny();
    shard(folder.path());
    std::fs::copy(
        folder.path().join("model-00001-of-00002.safetensors"),
        folder.path().join("model-00002-of-00002.safetensors"),
    )
    .unwrap();
    refused(folder.path(), Code::InvalidCheckpoint, &["another shard"]);
}

#[test]
fn a_file_is_written_as_it_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<u8> = (0..24u8).collect();
    let view = |dtype, shape: Vec<usize>, bytes| {
        safetensors::tensor::TensorView::new(dtype, shape, bytes).unwrap()
    };
    let views = vec![
        ("b", view(Dtype::F16, vec![2, 3], &values[..12])),
        ("a", view(Dtype::F32, vec![0, 4], &[])),
        ("c", view(Dtype::F32, vec![6], &values)),
    ];
    let metadata = std::collections::HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let reference = safetensors::serialize(views, Some(metadata)).unwrap();
    std::fs::write(folder.path().join("model.safetensors"), &reference).unwrap();
    let weights = Weights::open(folder.path(), &Limits::default()).unwrap();
    let tensors: Vec<OutTensor> = weights
        .entries()
        .map(|entry| OutTensor {
            name: entry.name.to_owned(),
            dtype: entry.dtype,
            shape: entry.shape.to_vec(),
            bytes: Cow::Borrowed(entry.bytes),
        })
        .collect();
    let size = write(&folder.path().join("copy"), &tensors, weights.metadata()).unwrap();
    assert_eq!(size, reference.len() as u64);
    assert_eq!(
        std::fs::read(folder.path().join("copy")).unwrap(),
        reference
    );
    assert_eq!((weights.total_bytes(), weights.parameters()), (size, 12));
}

#[test]
fn values_survive_their_types() {
    let values = [0.0f32, -1.5, 0.333_251_95, 65_504.0];
    for dtype in [Dtype::F32, Dtype::F16, Dtype::F64] {
        let folder = tempfile::tempdir().unwrap();
        let bytes = encode(&values, dtype).into();
        write(
            &folder.path().join("model.safetensors"),
            &[OutTensor {
                name: "x".into(),
                dtype,
                shape: vec![4],
                bytes,
            }],
            None,
        )
        .unwrap();
        let weights = Weights::open(folder.path(), &Limits::default()).unwrap();
        assert_eq!(
            weights.tensor("x", &[4]).unwrap().to_vec1::<f32>().unwrap(),
            values,
            "{dtype:?}"
        );
    }
}

/// A file of a stranger may be refused, but it must never take the process with it.
#[test]
fn damaged_files_never_panic() {
    let folder = tiny();
    let path = folder.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut opened = 0;
    for _ in 0..2_000 {
        let mut bytes = whole.clone();
        for _ in 0..random.random_range(1..4) {
            // Most damage goes where it hurts: the header.
            let end = if random.random_range(0..10) < 9 {
                header
            } else {
                bytes.len()
            };
            let position = random.random_range(0..end.min(bytes.len()));
            match random.random_range(0..3) {
                0 => bytes[position] = random.random_range(0..=255u8),
                1 => bytes[position] = b"0123456789[]{},:\""[random.random_range(0..17)],
                _ => bytes.truncate(bytes.len() - random.random_range(0..40).min(bytes.len())),
            }
        }
        std::fs::write(&path, bytes).unwrap();
        opened += usize::from(open(folder.path(), &Limits::default()).is_ok());
    }
    assert!(opened < 1_000, "{opened} damaged files were taken");
}

#[test]
fn labels_and_problems() {
    let problem = |config: Value| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        Config::open(folder.path(), &Limits::default())
            .unwrap()
            .problem()
    };
    let classes = |labels: &[&str]| Problem::Classification {
        labels: labels.iter().map(|&label| label.to_owned()).collect(),
    };
    assert_eq!(
        problem(json!({"id2label": {"1": "no", "0": "yes"}})).unwrap(),
        classes(&["yes", "no"])
    );
    assert_eq!(
        problem(json!({})).unwrap(),
        classes(&["LABEL_0", "LABEL_1"])
    );
    assert_eq!(
        problem(json!({"num_labels": 3})).unwrap(),
        classes(&["LABEL_0", "LABEL_1", "LABEL_2"])
    );
    assert_eq!(
        problem(json!({"id2label": {"0": "LABEL_0"}})).unwrap(),
        Problem::Regression
    );
    assert_eq!(
        problem(json!({"num_labels": 1, "problem_type": "regression"})).unwrap(),
        Problem::Regression
    );
    assert!(problem(json!({"num_labels": 2, "problem_type": "regression"})).is_err());
    assert!(problem(json!({"id2label": {}})).is_err());
}
