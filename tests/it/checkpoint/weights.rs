//! Rejected weights: broken files, files that are too large, pickle files, and models without a classifier.

use optin::checkpoint::limits::Limits;
use optin::checkpoint::weights::Weights;
use optin::checkpoint::write::{OutTensor, write};
use optin::prune::failure::Code;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};

use super::{assert_rejected, assert_rejected_within, change_header, open, tiny};
use crate::fixture::bert::Tiny;

#[test]
fn a_model_with_only_pickle_files_is_rejected() {
    for name in ["pytorch_model.bin", "model.pt", "model.ckpt"] {
        let folder = tiny();
        std::fs::rename(
            folder.path().join("model.safetensors"),
            folder.path().join(name),
        )
        .unwrap();
        assert_rejected(
            folder.path(),
            Code::UnsafeFormat,
            &[name, "pickle", "safe_serialization"],
        );
    }
    let folder = tiny();
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    assert_rejected(
        folder.path(),
        Code::SourceNotFound,
        &["no model.safetensors"],
    );
}

#[test]
fn a_file_truncated_at_any_part_is_rejected() {
    let whole = std::fs::read(tiny().path().join("model.safetensors")).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for length in [1, 7, 8, 9, header - 1, header, header + 1, whole.len() - 1] {
        let folder = tiny();
        std::fs::write(folder.path().join("model.safetensors"), &whole[..length]).unwrap();
        assert_rejected(
            folder.path(),
            Code::InvalidCheckpoint,
            &["model.safetensors", "truncated"],
        );
    }
}

#[test]
fn a_header_larger_than_the_file_or_the_limit_is_rejected() {
    for claim in [u64::MAX, 1 << 40, 200 << 20] {
        let folder = tiny();
        let path = folder.path().join("model.safetensors");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[..8].copy_from_slice(&claim.to_le_bytes());
        std::fs::write(&path, bytes).unwrap();
        assert_rejected(
            folder.path(),
            Code::InvalidCheckpoint,
            &["header", &claim.to_string()],
        );
    }
    let limits = Limits {
        header_bytes: 64,
        ..Limits::default()
    };
    assert_rejected_within(
        tiny().path(),
        &limits,
        Code::InvalidCheckpoint,
        &["header", "the limit is 64 bytes"],
    );
}

#[test]
fn files_larger_than_the_limits_are_rejected() {
    let limits = Limits {
        weights_bytes: 1_000,
        ..Limits::default()
    };
    assert_rejected_within(
        tiny().path(),
        &limits,
        Code::LimitExceeded,
        &["model.safetensors", "is 1000 bytes"],
    );
    let limits = Limits {
        tensors: 3,
        ..Limits::default()
    };
    assert_rejected_within(
        tiny().path(),
        &limits,
        Code::InvalidCheckpoint,
        &["more than 3 tensors"],
    );
    let limits = Limits {
        config_bytes: 10,
        ..Limits::default()
    };
    assert_rejected_within(
        tiny().path(),
        &limits,
        Code::LimitExceeded,
        &["config.json", "10 bytes"],
    );
}

#[test]
fn a_header_that_contradicts_the_data_is_rejected() {
    let name = "bert.pooler.dense.bias";
    type Case = (&'static str, fn(&mut Value));
    let cases: [Case; 6] = [
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
    for (word, change) in cases {
        let folder = tiny();
        change_header(folder.path(), |header| change(&mut header[name]));
        assert_rejected(
            folder.path(),
            Code::InvalidCheckpoint,
            &["model.safetensors", word],
        );
    }
    let folder = tiny();
    change_header(folder.path(), |header| {
        header.remove(name);
    });
    assert_rejected(
        folder.path(),
        Code::InvalidCheckpoint,
        &["model.safetensors"],
    );
}

#[test]
fn a_repeated_tensor_name_is_rejected() {
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
    assert_rejected(folder.path(), Code::InvalidCheckpoint, &["\"a\" twice"]);
}

#[test]
fn weights_that_are_not_finite_are_rejected() {
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
                    bytes: bytes.into(),
                    ..OutTensor::from(entry)
                }
            })
            .collect();
        write(&folder.path().join("model.safetensors"), &tensors, None).unwrap();
        assert_rejected(
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
fn a_model_without_a_classifier_is_rejected() {
    let folder = tiny();
    let weights = Weights::open(folder.path(), &Limits::default()).unwrap();
    let kept = weights
        .entries()
        .filter(|entry| !entry.name.starts_with("classifier"));
    let tensors: Vec<OutTensor> = kept.map(OutTensor::from).collect();
    write(&folder.path().join("headless"), &tensors, None).unwrap();
    std::fs::rename(
        folder.path().join("headless"),
        folder.path().join("model.safetensors"),
    )
    .unwrap();
    assert_rejected(
        folder.path(),
        Code::UnsupportedModel,
        &["classifier.weight", "fine-tune"],
    );
}

/// Untrusted files may be rejected, but must never cause a panic.
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
            // Most changes are in the header, where they have the largest effect.
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
    assert!(opened < 1_000, "{opened} damaged files were accepted");
}
