//! Other targets from the scores of a job: its frontier, and jobs that resolve it.

use serde_json::json;

use super::harness::Harness;

#[tokio::test]
async fn frontier_and_resolve_require_a_succeeded_job() {
    let harness = Harness::new().await;
    let id = harness.create_job().await;
    let frontier = async || harness.get(&format!("/v1/jobs/{id}/frontier")).await;
    let resolve = async || {
        let target = json!({"target": {"value": "40%"}});
        harness
            .post(&format!("/v1/jobs/{id}/resolve"), &target)
            .await
    };
    frontier().await.problem(409, "conflict");
    resolve().await.problem(409, "conflict");
    let lease = harness.claim().await;
    frontier().await.problem(409, "conflict");
    // A result without `frontier.json`, from before frontiers were stored.
    harness.succeed(&lease, "report.json", b"{}").await;
    let without = frontier().await.problem(409, "conflict");
    assert!(without["detail"].as_str().unwrap().contains("retry"));
    assert_eq!(resolve().await.status.as_u16(), 202);
}

#[tokio::test]
async fn a_target_below_the_smallest_model_is_rejected_at_once() {
    let harness = Harness::new().await;
    let id = harness.create_job().await;
    let lease = harness.claim().await;
    let frontier = json!({"macs": 1000, "parameters": 500, "smallest_macs": 345, "smallest_parameters": 200, "points": []});
    harness
        .succeed(&lease, "frontier.json", frontier.to_string().as_bytes())
        .await;
    let resolve = async |metric: &str, value: &str| {
        let target = json!({"target": {"metric": metric, "value": value}});
        harness
            .post(&format!("/v1/jobs/{id}/resolve"), &target)
            .await
    };
    let problem = resolve("flops", "34.4%")
        .await
        .problem(422, "target_unreachable");
    assert_eq!(problem["errors"][0]["pointer"], "/target/value");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("34.50%"), "{detail}");
    assert_eq!(resolve("flops", "34.5%").await.status, 202);
    let problem = resolve("params", "39%")
        .await
        .problem(422, "target_unreachable");
    assert!(problem["detail"].as_str().unwrap().contains("parameters"));
    assert_eq!(resolve("params", "40%").await.status, 202);
    // Latency is accepted: only the worker can measure it.
    assert_eq!(resolve("latency_ms", "1%").await.status, 202);
    // Rejected requests queue no jobs.
    let jobs = harness.get("/v1/jobs?state=queued").await.json();
    assert_eq!(jobs["data"].as_array().unwrap().len(), 3);
}
