//! Checkpoints of old library versions and of other tools: old tensor names, no prefix, pruned heads, unused tensors.

use optin::checkpoint::config::Config;
use optin::checkpoint::limits::Limits;
use optin::checkpoint::weights::Weights;
use optin::model::mask::Masks;
use optin::model::registry::{self, Opened};
use optin::model::unit::Units;
use optin::prune::failure::Code;
use serde_json::{Value, json};
use std::path::Path;

use super::{assert_rejected, change_header, set_config, tiny};
use crate::fixture::bert::Tiny;

fn opened(folder: &Path) -> Opened {
    let limits = Limits::default();
    let weights = Weights::open(folder, &limits).unwrap();
    registry::open(
        &Config::open(folder, &limits).unwrap(),
        weights,
        Units::Heads,
    )
    .unwrap()
}

fn logits(opened: &Opened) -> Vec<Vec<f32>> {
    let batch = Tiny::default().batch(3, 9, 1);
    let full = Masks::full(&opened.model.groups);
    let logits = opened.model.forward(&batch, &full).unwrap();
    logits.stream.squeeze(1).unwrap().to_vec2().unwrap()
}

/// Renames every tensor.
fn rename(folder: &Path, new: impl Fn(&str) -> String) {
    change_header(folder, |header| {
        let old = std::mem::take(header);
        header.extend(old.into_iter().map(|(name, tensor)| (new(&name), tensor)));
    });
}

#[test]
fn layer_norms_named_gamma_and_beta_are_supported() {
    let folder = tiny();
    let expected = logits(&opened(folder.path()));
    rename(folder.path(), |name| {
        name.replace("LayerNorm.weight", "LayerNorm.gamma")
            .replace("LayerNorm.bias", "LayerNorm.beta")
    });
    let old = opened(folder.path());
    assert_eq!(logits(&old), expected);
    // Tensors are renamed when the file is opened, so results have the current names.
    assert!(old.weights.contains("bert.embeddings.LayerNorm.weight"));
    assert!(
        old.weights
            .entries()
            .all(|entry| !entry.name.contains("gamma"))
    );
}

#[test]
fn a_layer_norm_with_both_names_is_rejected() {
    let folder = tiny();
    rename(folder.path(), |name| match name {
        "bert.pooler.dense.bias" => "bert.embeddings.LayerNorm.gamma".to_owned(),
        name => name.to_owned(),
    });
    assert_rejected(
        folder.path(),
        Code::InvalidCheckpoint,
        &["bert.embeddings.LayerNorm.weight", "two names"],
    );
}

#[test]
fn tensor_names_without_the_prefix_bert_are_supported() {
    let folder = tiny();
    let expected = logits(&opened(folder.path()));
    rename(folder.path(), |name| {
        name.trim_start_matches("bert.").to_owned()
    });
    assert_eq!(logits(&opened(folder.path())), expected);
}

#[test]
fn unused_tensors_are_listed_and_not_kept() {
    let folder = tiny();
    let whole = opened(folder.path());
    assert!(whole.unused.is_empty(), "{:?}", whole.unused);
    set_config(folder.path(), "num_hidden_layers", json!(2));
    let two = opened(folder.path());
    assert_eq!(two.unused.len(), 16);
    assert!(
        two.unused
            .iter()
            .all(|name| name.starts_with("bert.encoder.layer.2."))
    );
    assert!(
        two.weights
            .entries()
            .all(|entry| !two.unused.iter().any(|name| name == entry.name))
    );
    assert!(two.weights.parameters() < whole.weights.parameters());
}

#[test]
fn classes_with_other_heads_are_rejected() {
    let folder = tiny();
    for class in [
        "BertForMaskedLM",
        "BertForMultipleChoice",
        "BertLMHeadModel",
    ] {
        set_config(folder.path(), "architectures", json!([class]));
        assert_rejected(
            folder.path(),
            Code::UnsupportedModel,
            &[class, "supported classes: BertForSequenceClassification"],
        );
    }
    set_config(folder.path(), "architectures", json!("BertModel"));
    assert_rejected(
        folder.path(),
        Code::InvalidCheckpoint,
        &["architectures", "list of class names"],
    );
    for none in [Value::Null, json!([])] {
        set_config(folder.path(), "architectures", none);
        opened(folder.path());
    }
}

#[test]
fn pruned_heads_that_the_weights_still_contain_are_rejected() {
    let folder = tiny();
    set_config(folder.path(), "pruned_heads", json!({"1": [0, 2]}));
    assert_rejected(
        folder.path(),
        Code::InvalidCheckpoint,
        &[
            "pruned_heads",
            "layer 1",
            "has 24 rows instead of 12",
            "remove pruned_heads",
        ],
    );
    set_config(folder.path(), "pruned_heads", json!({"1": []}));
    opened(folder.path());
}

#[test]
fn invalid_pruned_heads_are_rejected() {
    for pruned in [
        json!([1]),
        json!({"9": [0]}),
        json!({"a": [0]}),
        json!({"0": [4]}),
        json!({"0": [-1]}),
        json!({"0": 1}),
    ] {
        let folder = tiny();
        set_config(folder.path(), "pruned_heads", pruned);
        assert_rejected(
            folder.path(),
            Code::InvalidCheckpoint,
            &["pruned_heads", "lists of heads below 4"],
        );
    }
}

#[test]
fn pruned_heads_that_are_removed_from_the_weights_are_supported() {
    let folder = tiny();
    let whole = opened(folder.path());
    let mut masks = Masks::full(&whole.model.groups);
    masks.drop_unit(2, 1);
    let tensors = optin::prune::surgery::cut::cut(
        &whole.weights,
        &whole.model,
        &masks,
        &optin::prune::repairs::Repairs::none(whole.model.blocks.len()),
    )
    .unwrap();
    let path = folder.path().join("cut.safetensors");
    optin::checkpoint::write::write(&path, &tensors, None).unwrap();
    std::fs::rename(path, folder.path().join("model.safetensors")).unwrap();
    // Layer 1 keeps three heads, as after prune_heads({1: [1]}) of transformers 4.
    set_config(folder.path(), "pruned_heads", json!({"1": [1]}));
    let cut = opened(folder.path());
    assert_eq!(cut.model.groups[2].width, 3);
    let batch = Tiny::default().batch(3, 9, 1);
    let masked = whole.model.forward(&batch, &masks).unwrap();
    let masked: Vec<Vec<f32>> = masked.stream.squeeze(1).unwrap().to_vec2().unwrap();
    for (a, b) in masked.iter().flatten().zip(logits(&cut).iter().flatten()) {
        assert!((a - b).abs() <= 1e-5 * a.abs().max(1.0), "{a} {b}");
    }
}

#[test]
fn a_result_of_an_earlier_version_opens() {
    let folder = tiny();
    let expected = logits(&opened(folder.path()));
    for (key, value) in [
        ("model_type", json!("optin_bert")),
        (
            "architectures",
            json!(["OptinBertForSequenceClassification"]),
        ),
        ("head_dim", json!(6)),
        ("heads_per_layer", json!([4, 4, 4])),
        ("intermediate_size_per_layer", json!([20, 20, 20])),
        ("num_attention_heads", Value::Null),
        ("intermediate_size", Value::Null),
    ] {
        set_config(folder.path(), key, value);
    }
    assert_eq!(logits(&opened(folder.path())), expected);
}

#[test]
fn a_number_of_labels_that_contradicts_id2label_is_rejected() {
    let folder = tiny();
    set_config(folder.path(), "num_labels", json!(4));
    assert_rejected(
        folder.path(),
        Code::InvalidCheckpoint,
        &["num_labels is 4", "id2label names 3"],
    );
    set_config(folder.path(), "num_labels", json!(3));
    opened(folder.path());
}
