//! What has ended goes after its retention, and the answers say so.

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

use super::face::{Face, Options};

const DAY_MS: i64 = 86_400_000;

async fn face(retention: Retention) -> Face {
    Face::with(Options {
        retention,
        ..Options::default()
    })
    .await
}

async fn ended(face: &Face) -> Lease {
    face.created().await;
    let lease = face.claim().await;
    face.succeed(&lease, "report.json", b"{}").await;
    lease
}

/// Two sweepers at once, one round each.
async fn sweep(face: &Face, retention: Retention) {
    tokio::time::sleep(Duration::from_millis(20)).await;
    let stop = CancellationToken::new();
    let sweeper = || {
        let options = sweeper::Options {
            every: Duration::from_secs(60),
            journal_retention: Duration::from_secs(60),
            upload_retention: Duration::from_secs(60),
            retention,
        };
        let store = Arc::clone(&face.jobs) as Arc<dyn Store>;
        let artifacts = face.artifacts.clone();
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

async fn stored(face: &Face, lease: &Lease) -> bool {
    let key = Key::attempt_file(&lease.job.to_string(), lease.attempt, "report.json").unwrap();
    face.artifacts.size(&key).await.is_ok()
}

async fn there(face: &Face, id: JobId) -> bool {
    face.jobs.get(&Scope::Service, id).await.is_ok()
}

#[tokio::test]
async fn files_are_listed_with_their_last_moment_and_signed_no_longer_than_that() {
    let retention = Retention {
        artifacts_ms: Some(60_000),
        jobs_ms: Some(DAY_MS),
        ..Retention::default()
    };
    let face = face(retention).await;
    let lease = ended(&face).await;
    let path = format!("/v1/jobs/{}/artifacts", lease.job);
    let finished = face.get(&format!("/v1/jobs/{}", lease.job)).await.json()["finished_at"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap();
    let list = face.get(&path).await.json();
    let moment =
        |text: &serde_json::Value| text.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let expires = moment(&list["expires_at"]);
    assert_eq!(expires.as_millisecond() - finished.as_millisecond(), 60_000);
    let url = face.get(&format!("{path}/report.json/url")).await.json();
    assert!(moment(&url["expires_at"]) <= expires);
    let queued = face.created().await;
    let list = face
        .get(&format!("/v1/jobs/{queued}/artifacts"))
        .await
        .json();
    assert!(
        list["expires_at"].is_null(),
        "an active job's clock does not run"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_first_and_the_row_says_so() {
    // The face here keeps for ever: what it answers comes from the row.
    let face = face(Retention::default()).await;
    let old = ended(&face).await;
    face.created().await;
    let active = face.claim().await;
    let retention = Retention {
        artifacts_ms: Some(1),
        ..Retention::default()
    };
    let etag = |answer: &super::face::Answer| answer.header("etag").to_owned();
    let path = format!("/v1/jobs/{}", old.job);
    let before = face.get(&path).await;
    sweep(&face, retention).await;
    assert!(!stored(&face, &old).await);
    for path in [
        format!("{path}/artifacts"),
        format!("{path}/artifacts/report.json"),
    ] {
        let body = face.get(&path).await.problem(410, "gone");
        assert!(
            body["detail"].as_str().unwrap().contains("retention"),
            "{body}"
        );
    }
    let after = face.get(&path).await;
    assert!(after.json()["artifacts_expired_at"].is_string());
    assert!(before.json()["artifacts_expired_at"].is_null());
    assert_ne!(etag(&before), etag(&after));
    assert!(there(&face, active.job).await);
    // Whoever holds the active one's lease may still publish, and its files stay their time.
    face.succeed(&active, "report.json", b"{}").await;
    assert!(stored(&face, &active).await);
}

#[tokio::test]
async fn files_past_their_retention_are_gone_before_a_sweeper_came() {
    let face = face(Retention {
        artifacts_ms: Some(1),
        ..Retention::default()
    })
    .await;
    let lease = ended(&face).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    face.get(&format!("/v1/jobs/{}/artifacts", lease.job))
        .await
        .problem(410, "gone");
    assert!(stored(&face, &lease).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_go_with_their_files_and_active_ones_never() {
    let face = face(Retention::default()).await;
    let old = ended(&face).await;
    face.created().await;
    let running = face.claim().await;
    let waiting = face.created().await;
    let short = Retention {
        jobs_ms: Some(1),
        ..Retention::default()
    };
    let long = Retention {
        jobs_ms: Some(DAY_MS),
        ..Retention::default()
    };
    sweep(&face, long).await;
    assert!(there(&face, old.job).await && stored(&face, &old).await);
    sweep(&face, short).await;
    assert!(!there(&face, old.job).await && !stored(&face, &old).await);
    assert!(there(&face, running.job).await && there(&face, waiting).await);
    face.get(&format!("/v1/jobs/{}", old.job))
        .await
        .problem(404, "not_found");
}
