//! Valid and invalid values of `config.json`.

use optin::answer;
use optin::checkpoint::config::Config;
use optin::checkpoint::error::CheckpointError;
use optin::checkpoint::limits::Limits;
use optin::prune::failure::{Code, Failure};
use serde_json::{Value, json};
use std::path::Path;

use super::{assert_rejected, open, set_config, tiny};
use crate::fixture::bert::Tiny;

#[test]
fn a_complete_checkpoint_opens() {
    open(tiny().path(), &Limits::default()).unwrap();
}

#[test]
fn a_missing_folder_is_not_found() {
    assert_rejected(
        Path::new("/nonexistent/model"),
        Code::SourceNotFound,
        &["/nonexistent/model", "not found"],
    );
}

#[test]
fn a_folder_without_config_is_rejected() {
    let folder = tiny();
    std::fs::remove_file(folder.path().join("config.json")).unwrap();
    assert_rejected(
        folder.path(),
        Code::SourceNotFound,
        &["config.json", "save_pretrained"],
    );
}

#[test]
fn a_config_that_is_not_a_json_object_is_rejected() {
    for text in ["[]", "{", "\u{1}"] {
        let folder = tiny();
        std::fs::write(folder.path().join("config.json"), text).unwrap();
        assert_rejected(
            folder.path(),
            Code::InvalidCheckpoint,
            &["config.json", "not a valid JSON object"],
        );
    }
}

#[test]
fn an_unknown_or_missing_model_type_is_rejected() {
    let folder = tiny();
    set_config(folder.path(), "model_type", json!("gpt2"));
    assert_rejected(
        folder.path(),
        Code::UnsupportedModel,
        &["\"gpt2\"", "supported types: bert"],
    );
    set_config(folder.path(), "model_type", Value::Null);
    assert_rejected(folder.path(), Code::UnsupportedModel, &["model_type"]);
}

#[test]
fn invalid_values_are_rejected() {
    for (key, value, word) in [
        ("num_hidden_layers", json!(-1), "whole number"),
        ("num_hidden_layers", json!(1u64 << 60), "between 1 and"),
        ("hidden_size", json!(0), "between 1 and"),
        ("num_attention_heads", json!(5), "not a multiple"),
        ("heads_per_layer", json!([1, 2]), "2 entries"),
        (
            "intermediate_size_per_layer",
            json!("many"),
            "list of whole numbers",
        ),
        ("id2label", json!({"0": "a", "2": "c"}), "no name for \"1\""),
        ("layer_norm_eps", json!(-1e-12), "between 0 and 1"),
        ("hidden_act", json!("softplus"), "supported functions: gelu"),
        ("hidden_act", json!("prelu"), "learned weights"),
        ("position_embedding_type", json!("relative_key"), "absolute"),
        ("is_decoder", json!(true), "encoders"),
        ("problem_type", json!("ranking"), "supported are"),
    ] {
        let folder = tiny();
        set_config(folder.path(), key, value);
        if key == "heads_per_layer" {
            set_config(folder.path(), "head_dim", json!(6));
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
fn a_config_that_does_not_match_the_weights_is_rejected() {
    let folder = tiny();
    set_config(folder.path(), "intermediate_size", json!(21));
    assert_rejected(
        folder.path(),
        Code::InvalidCheckpoint,
        &["intermediate.dense.weight", "[20, 24]", "[21, 24]"],
    );
    let folder = tiny();
    set_config(folder.path(), "num_hidden_layers", json!(4));
    assert_rejected(
        folder.path(),
        Code::InvalidCheckpoint,
        &["encoder.layer.3", "missing"],
    );
}

#[test]
fn the_task_and_the_labels_are_read_from_the_config() {
    let read = |config: Value| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        let config = Config::open(folder.path(), &Limits::default()).unwrap();
        let task = answer::of(&config)?;
        Ok::<_, CheckpointError>((task.task().name, config.labels()?))
    };
    let class = "single_label_classification";
    let described = |name: &'static str, labels: &[&str]| {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        (name, labels)
    };
    for (config, expected) in [
        (
            json!({"id2label": {"1": "no", "0": "yes"}}),
            described(class, &["yes", "no"]),
        ),
        (json!({}), described(class, &["LABEL_0", "LABEL_1"])),
        (
            json!({"num_labels": 3}),
            described(class, &["LABEL_0", "LABEL_1", "LABEL_2"]),
        ),
        (
            json!({"id2label": {"0": "LABEL_0"}}),
            described("regression", &["LABEL_0"]),
        ),
        (
            json!({"num_labels": 1, "problem_type": "regression"}),
            described("regression", &["LABEL_0"]),
        ),
    ] {
        assert_eq!(read(config).unwrap(), expected);
    }
    let refused = |config: Value| read(config).unwrap_err().to_string();
    for (config, words) in [
        (json!({"id2label": {}}), "id2label is empty"),
        (
            json!({"num_labels": 1, "problem_type": "single_label_classification"}),
            "at least two",
        ),
        (
            json!({"problem_type": "ranking"}),
            "problem_type \"ranking\"; supported are single_label_classification",
        ),
        (
            json!({"architectures": ["BertForMultipleChoice"]}),
            "ForSequenceClassification",
        ),
    ] {
        assert!(
            refused(config.clone()).contains(words),
            "{}",
            refused(config)
        );
    }
}

/// Without labels in the configuration, two are assumed, as in transformers.
#[test]
fn the_error_for_a_classifier_of_another_size_names_the_missing_key() {
    let folder = tempfile::tempdir().unwrap();
    let tiny = Tiny {
        labels: 1,
        ..Tiny::default()
    };
    tiny.write(folder.path());
    set_config(folder.path(), "id2label", Value::Null);
    assert_rejected(
        folder.path(),
        Code::InvalidCheckpoint,
        &["has 1 outputs", "assumes 2", "\"num_labels\": 1"],
    );
    set_config(folder.path(), "num_labels", json!(1));
    open(folder.path(), &Limits::default()).unwrap();
    // If the configuration has labels, the message says that the weights do not match it.
    set_config(folder.path(), "num_labels", json!(3));
    assert_rejected(
        folder.path(),
        Code::InvalidCheckpoint,
        &["[1, 24]", "config.json requires [3, 24]"],
    );
}
