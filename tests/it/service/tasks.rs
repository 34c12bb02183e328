//! The tasks beside classification and regression, from a request over HTTP to the downloaded result, with the models
//! and the data in `examples`.

use std::path::Path;

use serde_json::{Value, json};

use super::process::{Client, Server};

/// Prunes an example over HTTP, and returns the report and the files with these names. `inputs` are the names of the model's
/// folder and of the files for calibration and evaluation.
fn prune(example: &str, inputs: [&str; 3], names: &[&str]) -> (Value, Vec<Value>) {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &examples);
    let client = Client::new();
    let uri = |name: &str| format!("file://{}", examples.join(example).join(name).display());
    let (status, job) = client.post(
        &format!("{}/v1/jobs", server.url),
        &json!({
            "model": {"uri": uri(inputs[0])},
            "calibration": {"uri": uri(inputs[1]), "max_samples": 256},
            "evaluation": {"uri": uri(inputs[2]), "max_samples": 400},
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

/// Inputs of the examples that read text.
const ROWS: [&str; 3] = ["model", "calibration.jsonl", "evaluation.jsonl"];

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
    let (report, files) = prune("debian-tags", ROWS, &["config.json", "verify.json"]);
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
    let (report, files) = prune("postgresql-markup", ROWS, &["config.json", "verify.json"]);
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

#[test]
fn a_model_that_reads_images_is_pruned_over_http() {
    let inputs = ["coarse", "calibration.npz", "evaluation.npz"];
    let (report, files) = prune("fashion-mnist", inputs, &["config.json", "verify.json"]);
    assert_eq!(report["task"], "single_label_classification");
    assert_eq!(report["position_name"], "patches");
    assert_keeps_quality(&report["evaluation"], 0.8);
    assert!(report["fidelity"]["agreement"].as_f64().unwrap() > 0.95);
    // The costs are those of the whole model, which has 49 patches and a class token in each layer.
    assert_eq!(report["size"]["before"]["macs"], 43_263_232);
    let config = &files[0];
    assert_eq!(config["model_type"], "vit");
    let merged = &config["merged_tokens_per_layer"];
    assert_eq!(merged.as_array().unwrap().len(), 6);
    if let Some(reported) = report.get("merged_tokens") {
        assert_eq!(reported, merged);
    }
    // The fixed images are described by a formula.
    let row = &files[1]["rows"][0];
    assert_eq!(row["pixel_values"]["shape"], json!([1, 1, 28, 28]));
    assert_eq!(row["logits"].as_array().unwrap().len(), 10);
}
