//! Checkpoints of other ages and hands: early names, a body without prefix, pruned heads, tensors that nobody reads.

use optin::checkpoint::config::Config;
use optin::checkpoint::limits::Limits;
use optin::checkpoint::weights::Weights;
use optin::model::mask::Masks;
use optin::model::registry::{self, Opened};
use optin::prune::failure::Code;
use serde_json::{Value, json};
use std::path::Path;

use super::{refused, tiny, with_config, with_header};
use crate::fixture::bert::Tiny;

fn opened(folder: &Path) -> Opened {
    let limits = Limits::default();
    let weights = Weights::open(folder, &limits).unwrap();
    registry::open(&Config::open(folder, &limits).unwrap(), weights).unwrap()
}

fn logits(opened: &Opened) -> Vec<Vec<f32>> {
    let batch = Tiny::default().batch(3, 9, 1);
    let full = Masks::full(opened.model.groups());
    let logits = opened.model.forward(&batch, &full).unwrap();
    logits.to_vec2().unwrap()
}

/// Gives every tensor the name that `new` makes of its own.
fn rename(folder: &Path, new: impl Fn(&str) -> String) {
    with_header(folder, |header| {
        let old = std::mem::take(header);
        header.extend(old.into_iter().map(|(name, tensor)| (new(&name), tensor)));
    });
}

#[test]
fn norms_called_gamma_and_beta() {
    let folder = tiny();
    let today = logits(&opened(folder.path()));
    rename(folder.path(), |name| {
        name.replace("LayerNorm.weight", "LayerNorm.gamma")
            .replace("LayerNorm.bias", "LayerNorm.beta")
    });
    let early = opened(folder.path());
    assert_eq!(logits(&early), today);
    // What is written from here on has today's names.
    assert!(early.weights.contains("bert.embeddings.LayerNorm.weight"));
    assert!(
        early
            .weights
            .entries()
            .all(|entry| !entry.name.contains("gamma"))
    );
}

#[test]
fn a_norm_under_both_names() {
    let folder = tiny();
    rename(folder.path(), |name| match name {
        "bert.pooler.dense.bias" => "bert.embeddings.LayerNorm.gamma".to_owned(),
        name => name.to_owned(),
    });
    refused(
        folder.path(),
        Code::InvalidCheckpoint,
        &["bert.embeddings.LayerNorm.weight", "two names"],
    );
}

#[test]
fn a_body_without_its_prefix() {
    let folder = tiny();
    let today = logits(&opened(folder.path()));
    rename(folder.path(), |name| {
        name.trim_start_matches("bert.").to_owned()
    });
    assert_eq!(logits(&opened(folder.path())), today);
}

#[test]
fn tensors_that_the_model_does_not_read_are_listed_and_left_behind() {
    let folder = tiny();
    let whole = opened(folder.path());
    assert!(whole.unused.is_empty(), "{:?}", whole.unused);
    with_config(folder.path(), "num_hidden_layers", json!(2));
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
fn the_class_that_wrote_a_checkpoint_decides_its_task() {
    let folder = tiny();
    for class in [
        "BertForTokenClassification",
        "BertForQuestionAnswering",
        "BertForMaskedLM",
        "BertModel",
    ] {
        with_config(folder.path(), "architectures", json!([class]));
        refused(
            folder.path(),
            Code::UnsupportedModel,
            &[class, "supported classes: BertForSequenceClassification"],
        );
    }
    with_config(folder.path(), "architectures", json!("BertModel"));
    refused(
        folder.path(),
        Code::InvalidCheckpoint,
        &["architectures", "list of class names"],
    );
    for none in [Value::Null, json!([])] {
        with_config(folder.path(), "architectures", none);
        opened(folder.path());
    }
}

#[test]
fn pruned_heads_beside_full_weights() {
    let folder = tiny();
    with_config(folder.path(), "pruned_heads", json!({"1": [0, 2]}));
    refused(
        folder.path(),
        Code::InvalidCheckpoint,
        &[
            "pruned_heads",
            "layer 1",
            "has 24 rows instead of 12",
            "remove pruned_heads",
        ],
    );
    with_config(folder.path(), "pruned_heads", json!({"1": []}));
    opened(folder.path());
}

#[test]
fn pruned_heads_that_are_no_heads() {
    for pruned in [
        json!([1]),
        json!({"9": [0]}),
        json!({"a": [0]}),
        json!({"0": [4]}),
        json!({"0": [-1]}),
        json!({"0": 1}),
    ] {
        let folder = tiny();
        with_config(folder.path(), "pruned_heads", pruned);
        refused(
            folder.path(),
            Code::InvalidCheckpoint,
            &["pruned_heads", "lists of heads below 4"],
        );
    }
}

#[test]
fn pruned_heads_that_the_weights_lack() {
    let folder = tiny();
    let whole = opened(folder.path());
    let mut masks = Masks::full(whole.model.groups());
    masks.drop_unit(2, 1);
    let tensors = optin::prune::surgery::cut(
        &whole.weights,
        whole.model.groups(),
        &masks,
        &optin::prune::compensate::Repairs::default(),
    )
    .unwrap();
    let path = folder.path().join("cut.safetensors");
    optin::checkpoint::write::write(&path, &tensors, None).unwrap();
    std::fs::rename(path, folder.path().join("model.safetensors")).unwrap();
    // Three heads are left of layer 1, as prune_heads({1: [1]}) of transformers 4 leaves it.
    with_config(folder.path(), "pruned_heads", json!({"1": [1]}));
    let cut = opened(folder.path());
    assert_eq!(cut.model.groups()[2].width, 3);
    let batch = Tiny::default().batch(3, 9, 1);
    let masked = whole.model.forward(&batch, &masks).unwrap();
    let masked: Vec<Vec<f32>> = masked.to_vec2().unwrap();
    for (a, b) in masked.iter().flatten().zip(logits(&cut).iter().flatten()) {
        assert!((a - b).abs() <= 1e-5 * a.abs().max(1.0), "{a} {b}");
    }
}

#[test]
fn a_result_of_an_earlier_version() {
    let folder = tiny();
    let today = logits(&opened(folder.path()));
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
        with_config(folder.path(), key, value);
    }
    assert_eq!(logits(&opened(folder.path())), today);
}

#[test]
fn labels_that_disagree_about_their_number() {
    let folder = tiny();
    with_config(folder.path(), "num_labels", json!(4));
    refused(
        folder.path(),
        Code::InvalidCheckpoint,
        &["num_labels is 4", "id2label names 3"],
    );
    with_config(folder.path(), "num_labels", json!(3));
    opened(folder.path());
}
