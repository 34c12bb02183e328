//! The tasks beside classification and regression, from a request over HTTP to the downloaded result, with the models
//! and the data in `examples`.

use std::path::Path;

use serde_json::{Value, json};

use super::process::{Client, Server};

/// Prunes an example over HTTP, and returns the report and the files with these names.
fn prune(example: &str, names: &[&str]) -> (Value, Vec<Value>) {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &examples);
    let client = Client::new();
    let uri = |name: &str| format!("file://{}", examples.join(example).join(name).display());
    let (status, job) = client.post(
        &format!("{}/v1/jobs", server.url),
        &json!({
            "model": {"uri": uri("model")},
            "calibration": {"uri": uri("calibration.jsonl"), "max_samples": 256},
            "evaluation": {"uri": uri("evaluation.jsonl"), "max_samples": 400},
            "target": {"value": "60%"},
            "method": {"scoring_samples": 48},
        }),
    );
    assert_eq!(status, 202, "{job}");
    let id = job["id"].as_str().unwrap();
    let ended = client.wait_until_finished(&server, id);
    let url = format!("{}/v1/jobs/{id}", server.url);
    assert_eq!(ended["state"], "succeeded", "{ended}");
    let files = names
        .iter()
        .map(|name| client.get(&format!("{url}/artifacts/{name}")));
    let files = files.collect();
    (client.get(&format!("{url}/artifacts/report.json")), files)
}

/// Checks that the metrics of both models are far above chance, and that pruning to 60 % costs little.
fn assert_keeps_quality(metric: &Value, floor: f64) {
    let score = |which: &str| metric["score"][which].as_f64().unwrap();
    let (before, after) = (score("before"), score("after"));
    assert!(before > floor, "{metric}");
    assert!(after > 0.85 * before, "{metric}");
    let bare = metric["without_compensation"].as_f64().unwrap();
    assert!(bare > 0.5 * before && bare <= 1.0, "{metric}");
    for which in ["before", "after"] {
        let error = metric["standard_error"][which].as_f64().unwrap();
        assert!(error > 0.0 && error < 0.1, "{metric}");
    }
}

#[test]
fn a_model_with_several_labels_per_row_is_pruned_over_http() {
    let (report, files) = prune("debian-tags", &["config.json", "verify.json"]);
    assert_eq!(report["task"], "multi_label_classification");
    let evaluation = &report["evaluation"];
    assert_eq!(evaluation["metric"], "micro_f1");
    assert_eq!(evaluation["others"][0]["metric"], "macro_f1");
    assert_keeps_quality(evaluation, 0.5);
    assert!(report["fidelity"]["agreement"].as_f64().unwrap() > 0.9);
    assert_eq!(files[0]["problem_type"], "multi_label_classification");
    let labels = files[0]["id2label"].as_object().unwrap().len();
    let logits = files[1]["rows"][0]["logits"].as_array().unwrap();
    assert_eq!(logits.len(), labels);
}

#[test]
fn a_model_with_a_label_per_token_is_pruned_over_http() {
    let (report, files) = prune("postgresql-markup", &["config.json", "verify.json"]);
    assert_eq!(report["task"], "token_classification");
    let evaluation = &report["evaluation"];
    assert_eq!(evaluation["metric"], "entity_f1");
    assert_eq!(evaluation["others"][0]["metric"], "token_accuracy");
    assert_keeps_quality(evaluation, 0.5);
    assert_eq!(
        files[0]["architectures"],
        json!(["BertForTokenClassification"])
    );
    // One list of logits per token, of which each has one per label.
    let labels = files[0]["id2label"].as_object().unwrap().len();
    let row = &files[1]["rows"][0];
    let logits = row["logits"].as_array().unwrap();
    assert_eq!(logits.len(), row["input_ids"].as_array().unwrap().len());
    assert_eq!(logits[0].as_array().unwrap().len(), labels);
}
