//! Retention: expired files and jobs are deleted, and the API reports it.

use optin::artifact::health::Health;
use optin::artifact::key::Key;
use optin::job::retention::Retention;
use optin::job::store::{JobStore, Store};
use optin::job::{JobId, Lease, Scope};
use optin::telemetry::pulse::Pulses;
use optin::worker::sweeper;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use super::harness::{Harness, Options};

const DAY_MS: i64 = 86_400_000;

/// Returns a harness with these retention periods.
async fn with_retention(retention: Retention) -> Harness {
    Harness::with(Options {
        retention,
        ..Options::default()
    })
    .await
}

/// Creates a job that succeeds with the file `report.json`.
async fn succeeded_job(harness: &Harness) -> Lease {
    harness.create_job().await;
    let lease = harness.claim().await;
    harness.succeed(&lease, "report.json", b"{}").await;
    lease
}

/// Runs two concurrent sweepers for one round each.
async fn sweep(harness: &Harness, retention: Retention) {
    tokio::time::sleep(Duration::from_millis(20)).await;
    let stop = CancellationToken::new();
    let sweeper = || {
        let options = sweeper::Options {
            every: Duration::from_secs(60),
            journal_retention: Duration::from_secs(60),
            upload_retention: Duration::from_secs(60),
            retention,
        };
        let store = Arc::clone(&harness.jobs) as Arc<dyn Store>;
        let artifacts = harness.artifacts.clone();
        tokio::spawn(sweeper::sweep(
            store,
            Health::new(artifacts),
            options,
            Pulses::default().watch("sweeper", Duration::MAX),
            stop.clone(),
        ))
    };
    let both = [sweeper(), sweeper()];
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.cancel();
    for sweeper in both {
        sweeper.await.unwrap();
    }
}

async fn report_exists(harness: &Harness, lease: &Lease) -> bool {
    let name = "report.json".parse().unwrap();
    let key = Key::attempt_file(&lease.job.to_string(), lease.attempt, &name).unwrap();
    harness.artifacts.size(&key).await.is_ok()
}

async fn job_exists(harness: &Harness, id: JobId) -> bool {
    harness.jobs.get(&Scope::Service, id).await.is_ok()
}

#[tokio::test]
async fn file_lists_have_an_expiry_and_signed_urls_do_not_outlive_it() {
    let retention = Retention {
        artifacts_ms: Some(60_000),
        jobs_ms: Some(DAY_MS),
        ..Retention::default()
    };
    let harness = with_retention(retention).await;
    let lease = succeeded_job(&harness).await;
    let path = format!("/v1/jobs/{}/artifacts", lease.job);
    let finished = harness.get(&format!("/v1/jobs/{}", lease.job)).await.json()["finished_at"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap();
    let list = harness.get(&path).await.json();
    let timestamp =
        |text: &serde_json::Value| text.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let expires = timestamp(&list["expires_at"]);
    assert_eq!(expires.as_millisecond() - finished.as_millisecond(), 60_000);
    let url = harness.get(&format!("{path}/report.json/url")).await.json();
    assert!(timestamp(&url["expires_at"]) <= expires);
    let queued = harness.create_job().await;
    let list = harness
        .get(&format!("/v1/jobs/{queued}/artifacts"))
        .await
        .json();
    assert!(
        list["expires_at"].is_null(),
        "files of an active job have no expiry"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_files_are_deleted_and_the_job_remains() {
    // The API has no retention configured, so its responses come from the job's row.
    let harness = with_retention(Retention::default()).await;
    let old = succeeded_job(&harness).await;
    harness.create_job().await;
    let active = harness.claim().await;
    let retention = Retention {
        artifacts_ms: Some(1),
        ..Retention::default()
    };
    let etag = |response: &super::harness::Response| response.header("etag").to_owned();
    let path = format!("/v1/jobs/{}", old.job);
    let before = harness.get(&path).await;
    sweep(&harness, retention).await;
    assert!(!report_exists(&harness, &old).await);
    for path in [
        format!("{path}/artifacts"),
        format!("{path}/artifacts/report.json"),
    ] {
        let body = harness.get(&path).await.problem(410, "gone");
        assert!(
            body["detail"].as_str().unwrap().contains("retention"),
            "{body}"
        );
    }
    let after = harness.get(&path).await;
    assert!(after.json()["artifacts_expired_at"].is_string());
    assert!(before.json()["artifacts_expired_at"].is_null());
    assert_ne!(etag(&before), etag(&after));
    assert!(job_exists(&harness, active.job).await);
    // The worker of the active job can still publish, and the new files are kept.
    harness.succeed(&active, "report.json", b"{}").await;
    assert!(report_exists(&harness, &active).await);
}

#[tokio::test]
async fn expired_files_are_gone_before_the_sweeper_deletes_them() {
    let harness = with_retention(Retention {
        artifacts_ms: Some(1),
        ..Retention::default()
    })
    .await;
    let lease = succeeded_job(&harness).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    harness
        .get(&format!("/v1/jobs/{}/artifacts", lease.job))
        .await
        .problem(410, "gone");
    assert!(report_exists(&harness, &lease).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_jobs_are_deleted_with_their_files_and_active_jobs_are_kept() {
    let harness = with_retention(Retention::default()).await;
    let old = succeeded_job(&harness).await;
    harness.create_job().await;
    let running = harness.claim().await;
    let waiting = harness.create_job().await;
    let short = Retention {
        jobs_ms: Some(1),
        ..Retention::default()
    };
    let long = Retention {
        jobs_ms: Some(DAY_MS),
        ..Retention::default()
    };
    sweep(&harness, long).await;
    assert!(job_exists(&harness, old.job).await && report_exists(&harness, &old).await);
    sweep(&harness, short).await;
    assert!(!job_exists(&harness, old.job).await && !report_exists(&harness, &old).await);
    assert!(job_exists(&harness, running.job).await && job_exists(&harness, waiting).await);
    harness
        .get(&format!("/v1/jobs/{}", old.job))
        .await
        .problem(404, "not_found");
}
