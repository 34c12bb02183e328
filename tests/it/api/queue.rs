//! The queue over HTTP: counts of jobs, positions and workers.

use optin::job::State;
use optin::job::queue::{Crew, Device};
use optin::job::store::JobStore;
use serde_json::json;

use super::harness::Harness;

#[tokio::test]
async fn jobs_are_counted_by_state() {
    let harness = Harness::new().await;
    let counts = async |query: &str| {
        let response = harness.get(&format!("/v1/jobs/counts{query}")).await;
        assert_eq!(response.status, 200, "{response:?}");
        response.json()["data"].clone()
    };
    let count = |counts: &serde_json::Value, state: &str| {
        let counts = counts.as_array().unwrap().iter();
        let counts: Vec<_> = counts.filter(|count| count["state"] == state).collect();
        assert_eq!(counts.len(), 1, "{state}");
        counts[0]["count"].as_i64().unwrap()
    };
    let none = counts("").await;
    assert_eq!(none.as_array().unwrap().len(), State::ALL.len());
    let id = harness.create_job().await;
    harness.create_job().await;
    harness
        .post(&format!("/v1/jobs/{id}/cancel"), &json!({}))
        .await;
    let all = counts("").await;
    assert_eq!(
        (
            count(&all, "queued"),
            count(&all, "canceled"),
            count(&all, "failed")
        ),
        (1, 1, 0)
    );
    let other = counts("?model=file%3A%2F%2Fother&label=a%3Ab").await;
    assert_eq!(count(&other, "queued"), 0);
    harness
        .get("/v1/jobs/counts?label=x")
        .await
        .problem(400, "invalid_request");
    harness
        .get("/v1/jobs/counts?state=queued")
        .await
        .problem(400, "invalid_request");
}

#[tokio::test]
async fn a_queued_job_has_a_position() {
    let harness = Harness::new().await;
    harness.create_job().await;
    let id = harness.create_job().await;
    let body = harness.get(&format!("/v1/jobs/{id}/position")).await.json();
    assert_eq!(
        body,
        json!({"object": "position", "ahead": 1, "running": 0, "workers": 0})
    );
    let other = "job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10";
    let missing = harness.get(&format!("/v1/jobs/{other}/position")).await;
    missing.problem(404, "not_found");
}

#[tokio::test]
async fn workers_are_listed_with_the_queue() {
    let harness = Harness::new().await;
    let id = harness.create_job().await;
    harness.create_job().await;
    harness.claim().await;
    let crew = Crew {
        name: "node".into(),
        device: Device::Cpu,
        workers: 2,
    };
    harness.jobs.note_crew(&crew).await.unwrap();
    let body = harness.get("/v1/workers").await.json();
    assert_eq!(body["data"][0]["name"], "node");
    assert_eq!(body["data"][0]["workers"], 2);
    assert_eq!(body["leases"][0]["job"], id.to_string());
    assert_eq!(
        (&body["queue"]["queued"], &body["queue"]["running"]),
        (&json!(1), &json!(1))
    );
}
