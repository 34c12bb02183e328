//! Jobs over HTTP: create, read, long poll, list, cancel, retry and delete.

use optin::artifact::manifest::Manifest;
use optin::job::JobId;
use optin::job::store::{JobStore, Outcome};
use optin::prune::failure::{Code, Failure};
use optin::prune::stage::Stage;
use serde_json::json;
use std::time::{Duration, Instant};

use super::harness::{Harness, request};
use crate::fixture::job::{failure, report};

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn an_accepted_job_is_found_at_its_location() {
    let harness = Harness::new().await;
    let mut body = request();
    body["target"] = json!({"metric": "flops", "value": "55.5%", "tolerance": "2%"});
    body["labels"] = json!({"team": "search"});
    body["deadline"] = json!("2h");
    let response = harness.post("/v1/jobs", &body).await;
    assert_eq!(
        (response.status.as_u16(), response.header("retry-after")),
        (202, "1")
    );
    let job = response.json();
    assert_eq!(
        response.header("location"),
        format!("/v1/jobs/{}", job["id"].as_str().unwrap())
    );
    assert_eq!(job["links"]["self"], response.header("location"));
    assert_eq!(
        (&job["object"], &job["state"], &job["attempt"]),
        (&json!("job"), &json!("queued"), &json!(0))
    );
    assert_eq!(job["request"]["target"], body["target"]);
    assert_eq!(
        job["request"]["method"]["scoring_samples"], 128,
        "defaults are filled in"
    );
    assert_eq!(job["labels"], body["labels"]);
    assert!(job["deadline_at"].as_str().unwrap() > job["created_at"].as_str().unwrap());
    let read = harness.get(response.header("location")).await;
    assert_eq!((read.status.as_u16(), read.json()), (200, job));
    assert_eq!(read.header("etag"), response.header("etag"));
}

#[tokio::test]
async fn a_missing_source_is_rejected_when_the_job_is_created() {
    let harness = Harness::new().await;
    let mut body = request();
    body["model"]["uri"] = json!("file:///missing");
    harness
        .post("/v1/jobs", &body)
        .await
        .problem(422, "source_not_found");
    harness
        .post("/v1/jobs/estimate", &body)
        .await
        .problem(422, "source_not_found");
}

#[tokio::test]
async fn the_retry_after_of_a_source_is_passed_to_the_client() {
    let harness = Harness::new().await;
    let mut body = request();
    body["model"]["uri"] = json!("hf://org/busy");
    for path in ["/v1/jobs", "/v1/jobs/estimate"] {
        let response = harness.post(path, &body).await;
        response.problem(503, "source_unavailable");
        assert_eq!(response.header("retry-after"), "90", "{path}");
    }
}

#[tokio::test]
async fn an_estimate_queues_no_job() {
    let harness = Harness::new().await;
    let response = harness.post("/v1/jobs/estimate", &request()).await;
    assert_eq!(
        (
            response.status.as_u16(),
            &response.json()["reachable_percent"]
        ),
        (200, &json!(5.0))
    );
    assert_eq!(harness.get("/v1/jobs").await.json()["data"], json!([]));
}

#[tokio::test]
async fn a_repeated_post_with_the_same_idempotency_key_returns_the_same_job() {
    let harness = Harness::new().await;
    let send = async |key: &str, body: String| {
        harness
            .send("POST", "/v1/jobs", &[JSON, ("idempotency-key", key)], body)
            .await
    };
    let body = request().to_string();
    let first = send("k1", body.clone()).await;
    let again = send("k1", body.clone()).await;
    assert_eq!(
        (again.status, &again.json()["id"]),
        (first.status, &first.json()["id"])
    );
    assert_ne!(
        send("k2", body.clone()).await.json()["id"],
        first.json()["id"]
    );
    let mut other = request();
    other["target"]["value"] = json!("50%");
    send("k1", other.to_string())
        .await
        .problem(422, "idempotency_key_reused");
    send("", body.clone()).await.problem(400, "invalid_request");
    send(&"k".repeat(256), body)
        .await
        .problem(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_returns_on_the_next_change_or_after_its_wait() {
    let harness = std::sync::Arc::new(Harness::new().await);
    let id = harness.create_job().await;
    let etag = harness
        .get(&format!("/v1/jobs/{id}"))
        .await
        .header("etag")
        .to_owned();
    let start = Instant::now();
    let waiting = {
        let (harness, etag) = (std::sync::Arc::clone(&harness), etag.clone());
        tokio::spawn(async move {
            harness
                .send(
                    "GET",
                    &format!("/v1/jobs/{id}?wait=20"),
                    &[("if-none-match", &etag)],
                    "",
                )
                .await
        })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    harness.claim().await;
    let response = waiting.await.unwrap();
    assert_eq!(
        (response.status.as_u16(), &response.json()["state"]),
        (200, &json!("running"))
    );
    assert!(start.elapsed() < Duration::from_secs(10));
    // Without a change, the request ends after its wait.
    let start = Instant::now();
    let etag = response.header("etag").to_owned();
    assert_eq!(
        harness
            .send(
                "GET",
                &format!("/v1/jobs/{id}?wait=1"),
                &[("if-none-match", &etag)],
                ""
            )
            .await
            .status,
        304
    );
    assert!(start.elapsed() >= Duration::from_secs(1));
    // A client with an old version gets the new one at once.
    let start = Instant::now();
    assert_eq!(
        harness
            .send(
                "GET",
                &format!("/v1/jobs/{id}?wait=30"),
                &[("if-none-match", "\"old\"")],
                ""
            )
            .await
            .status,
        200
    );
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn progress_includes_percent_and_eta() {
    let harness = Harness::new().await;
    let id = harness.create_job().await;
    let lease = harness.claim().await;
    harness
        .jobs
        .heartbeat(&lease, Some(Stage::Scoring), 0, 400, 60_000)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    harness
        .jobs
        .heartbeat(&lease, Some(Stage::Scoring), 100, 400, 60_000)
        .await
        .unwrap();
    let job = harness.get(&format!("/v1/jobs/{id}")).await.json();
    assert_eq!(
        (&job["stage"], &job["progress"]["percent"]),
        (&json!("scoring"), &json!(25.0))
    );
    let eta = job["progress"]["eta_ms"].as_i64().unwrap();
    assert!((200..20_000).contains(&eta), "{eta}");
}

/// The progress of a finished job does not depend on its last heartbeat, which is sent before the end.
#[tokio::test]
async fn a_finished_job_shows_full_progress_or_the_stage_that_failed() {
    let harness = Harness::new().await;
    let start_job = async || {
        let id = harness.create_job().await;
        let lease = harness.claim().await;
        for done in [0, 2] {
            let stage = Some(Stage::Verifying);
            let beat = harness.jobs.heartbeat(&lease, stage, done, 4, 60_000);
            beat.await.unwrap();
        }
        (id, lease)
    };
    let job = async |id: &JobId| harness.get(&format!("/v1/jobs/{id}")).await.json();

    let (id, lease) = start_job().await;
    let outcome = Outcome::Succeeded {
        report: Box::new(report()),
        manifest: Manifest::default(),
    };
    harness.jobs.finish(&lease, outcome).await.unwrap();
    let shown = job(&id).await;
    assert_eq!(shown["state"], "succeeded");
    assert_eq!(shown["stage"], json!(null));
    assert_eq!(
        shown["progress"],
        json!({"done": 4, "total": 4, "percent": 100.0, "eta_ms": null})
    );

    let (id, lease) = start_job().await;
    let here = Failure::new(Code::InvalidData, "a row").in_stage(Stage::Verifying);
    harness
        .jobs
        .finish(&lease, Outcome::Failed(here))
        .await
        .unwrap();
    let shown = job(&id).await;
    assert_eq!(
        (&shown["state"], &shown["stage"]),
        (&json!("failed"), &json!("verifying"))
    );
    assert_eq!(
        shown["progress"],
        json!({"done": 2, "total": 4, "percent": 50.0, "eta_ms": null})
    );

    let (id, lease) = start_job().await;
    let later = Failure::new(Code::InvalidData, "a row").in_stage(Stage::Publishing);
    harness
        .jobs
        .finish(&lease, Outcome::Failed(later))
        .await
        .unwrap();
    let shown = job(&id).await;
    assert_eq!(
        shown["stage"], "publishing",
        "the stage that failed, not the stage of the last heartbeat"
    );
    assert_eq!(
        shown["progress"],
        json!({"done": 0, "total": 0, "percent": null, "eta_ms": null})
    );

    let (id, lease) = start_job().await;
    let again = Failure::new(Code::StorageError, "a disk").in_stage(Stage::Verifying);
    harness
        .jobs
        .finish(&lease, Outcome::Failed(again))
        .await
        .unwrap();
    let shown = job(&id).await;
    assert_eq!(
        (&shown["state"], &shown["stage"]),
        (&json!("queued"), &json!(null))
    );
    assert_eq!(shown["progress"]["percent"], json!(null));
}

#[tokio::test]
async fn job_lists_have_pages_and_filters() {
    let harness = Harness::new().await;
    let mut ids = Vec::new();
    for index in 0..5 {
        let mut body = request();
        body["model"]["uri"] = json!(format!("file:///models/{}", index % 2));
        body["labels"] = json!({"n": index.to_string()});
        ids.push(
            harness.post("/v1/jobs", &body).await.json()["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    ids.reverse();
    let (mut seen, mut path) = (Vec::new(), "/v1/jobs?limit=2".to_owned());
    loop {
        let page = harness.get(&path).await.json();
        seen.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|job| job["id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/jobs?limit=2&cursor={cursor}"),
            None => {
                assert_eq!(page["has_more"], false);
                break;
            }
        }
    }
    assert_eq!(seen, ids);
    let count = async |query: &str| {
        harness.get(&format!("/v1/jobs?{query}")).await.json()["data"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count("model=file:///models/1").await, 2);
    assert_eq!(count("label=n:3").await, 1);
    assert_eq!(count("state=queued&label=n:3").await, 1);
    assert_eq!(count("state=succeeded").await, 0);
    assert_eq!(count("state=succeeded&state=queued&label=n:3").await, 1);
    harness
        .get("/v1/jobs?state=gone")
        .await
        .problem(400, "invalid_request");
}

#[tokio::test]
async fn the_response_to_cancel_depends_on_the_state_of_the_job() {
    let harness = Harness::new().await;
    let cancel = async |id: optin::job::JobId| {
        harness
            .send("POST", &format!("/v1/jobs/{id}/cancel"), &[], "")
            .await
    };
    let queued = harness.create_job().await;
    let response = cancel(queued).await;
    assert_eq!(
        (response.status.as_u16(), &response.json()["state"]),
        (202, &json!("canceled"))
    );
    assert_eq!(cancel(queued).await.status, 200);
    let running = harness.create_job().await;
    harness.claim().await;
    for _ in 0..2 {
        let response = cancel(running).await;
        assert_eq!(
            (
                response.status.as_u16(),
                &response.json()["state"],
                &response.json()["cancel_requested"]
            ),
            (202, &json!("canceling"), &json!(true))
        );
    }
}

#[tokio::test]
async fn a_failed_job_has_an_error_and_can_be_retried() {
    let harness = Harness::new().await;
    let id = harness.create_job().await;
    let retry = async |headers: &[(&str, &str)]| {
        harness
            .send("POST", &format!("/v1/jobs/{id}/retry"), headers, "")
            .await
    };
    retry(&[]).await.problem(409, "conflict");
    let lease = harness.claim().await;
    retry(&[]).await.problem(409, "conflict");
    harness
        .jobs
        .finish(
            &lease,
            Outcome::Failed(failure(Code::TargetUnreachable).in_stage(Stage::Planning)),
        )
        .await
        .unwrap();
    let job = harness.get(&format!("/v1/jobs/{id}")).await.json();
    assert_eq!(
        job["error"],
        json!({"code": "target_unreachable", "detail": "it went wrong", "retryable": false, "stage": "planning"})
    );
    assert!(job["finished_at"].is_string());
    let again = retry(&[("idempotency-key", "r")]).await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["retry_of"]),
        (202, &json!(id.to_string()))
    );
    assert_eq!(again.json()["request"], job["request"]);
    assert_eq!(
        retry(&[("idempotency-key", "r")]).await.json()["id"],
        again.json()["id"]
    );
}

#[tokio::test]
async fn only_finished_jobs_can_be_deleted_and_their_files_are_deleted_too() {
    let harness = Harness::new().await;
    let id = harness.create_job().await;
    let path = format!("/v1/jobs/{id}");
    let delete = async || harness.send("DELETE", &path, &[], "").await;
    delete().await.problem(409, "conflict");
    let lease = harness.claim().await;
    delete().await.problem(409, "conflict");
    harness.succeed(&lease, "report.json", b"{}").await;
    let gone = delete().await;
    assert_eq!((gone.status.as_u16(), gone.bytes.len()), (204, 0));
    harness.get(&path).await.problem(404, "not_found");
    delete().await.problem(404, "not_found");
    let files = harness
        .folder
        .path()
        .join("artifacts/jobs")
        .join(id.to_string())
        .join("1/report.json");
    assert!(!files.exists());
}
