//! The operations of the service itself: health, metrics, capabilities and the OpenAPI document.

use optin::job::key::KeyScope;
use optin::prune::recipe::{
    Compensation, Estimator, Importance, Metric, PositionWeights, Trajectory,
};
use serde_json::json;
use std::time::Duration;
use strum::VariantArray;

use super::access::{api_key, send_with_key, with_required_keys};
use super::harness::{Harness, request};

#[tokio::test]
async fn health_capabilities_documentation_and_metrics_are_served() {
    let harness = Harness::new().await;
    assert_eq!(harness.get("/livez").await.bytes, b"ok\n");
    assert_eq!(harness.get("/readyz").await.bytes, b"ok\n");
    let capabilities = harness.get("/v1/capabilities").await.json();
    assert_eq!(capabilities["model_types"], json!(["bert"]));
    assert_eq!(capabilities["uri_schemes"], json!(["file", "hf"]));
    for (list, words) in [
        ("metrics", json!(Metric::VARIANTS)),
        ("estimators", json!(Estimator::VARIANTS)),
        ("trajectories", json!(Trajectory::VARIANTS)),
        ("compensations", json!(Compensation::VARIANTS)),
        ("importances", json!(Importance::VARIANTS)),
        ("position_weights", json!(PositionWeights::VARIANTS)),
    ] {
        assert_eq!(capabilities[list], words, "{list}");
    }
    assert!(capabilities["metrics"].to_string().contains("latency_ms"));
    assert_eq!(
        harness.get("/openapi.json").await.json()["info"]["title"],
        "optin"
    );
    let yaml = harness.get("/openapi.yaml").await;
    assert_eq!(yaml.header("content-type"), "application/yaml");
    assert!(yaml.bytes.starts_with(b"openapi: 3."));
    assert!(
        String::from_utf8(harness.get("/docs/").await.bytes)
            .unwrap()
            .contains("swagger")
    );
    harness.create_job().await;
    let metrics = harness.get("/metrics").await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4");
    // With a broken artifact store, the service is not ready.
    let artifacts = harness.folder.path().join("artifacts");
    std::fs::remove_dir_all(&artifacts).unwrap();
    std::fs::write(&artifacts, "in the way").unwrap();
    let problem = harness.get("/readyz").await.problem(503, "unavailable");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("artifact store")
    );
    // A new job is accepted, and `waiting` gives the reason why it waits.
    let waiting = async || harness.post("/v1/jobs", &request()).await.json()["waiting"].clone();
    assert_eq!(waiting().await["code"], "storage_unavailable");
    std::fs::remove_file(&artifacts).unwrap();
    assert_eq!(harness.get("/readyz").await.status, 200);
    assert_eq!(waiting().await, json!(null));
}

#[tokio::test]
async fn livez_names_a_background_task_that_hangs() {
    let harness = Harness::new().await;
    let healthy = harness.pulses.watch("worker one", Duration::from_secs(60));
    assert_eq!(harness.get("/livez").await.status, 200);
    let hanging = harness.pulses.watch("worker two", Duration::ZERO);
    tokio::time::sleep(Duration::from_millis(5)).await;
    healthy.beat();
    let problem = harness.get("/livez").await.problem(503, "unavailable");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("a background task hangs: worker two;") && !detail.contains("worker one"),
        "{detail}"
    );
    drop(hanging);
}

#[tokio::test]
async fn the_openapi_document_is_served_as_json_and_yaml_with_the_url_of_the_service() {
    let harness = Harness::new().await;
    let json = harness.get("/openapi.json").await.json();
    assert_eq!(json["servers"], json!([{"url": "https://optin.example"}]));
    let yaml = harness.get("/openapi.yaml").await;
    assert_eq!(yaml.header("content-type"), "application/yaml");
    let text = String::from_utf8(yaml.bytes).unwrap();
    assert!(text.contains("- url: https://optin.example") && text.starts_with("openapi: 3.1.0"));
    // Only the URL differs from the committed document.
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.yaml");
    let committed = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        text,
        committed.replace("http://127.0.0.1:8080", "https://optin.example")
    );
}

#[tokio::test]
async fn a_key_with_the_metrics_scope_reads_metrics_but_not_jobs() {
    let harness = with_required_keys().await;
    let key = api_key(&harness, "a", KeyScope::Metrics).await;
    let page = send_with_key(&harness, "GET", "/metrics", &key, &json!({})).await;
    assert_eq!(page.status, 200);
    let rejected = send_with_key(&harness, "GET", "/v1/jobs", &key, &json!({})).await;
    rejected.problem(403, "forbidden");
}
