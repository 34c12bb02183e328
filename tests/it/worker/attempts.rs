//! Tests of the possible outcomes of an attempt, and of the files that remain.

use optin::artifact::key::Key;
use optin::job::store::JobStore;
use optin::job::{JobId, NewJob, Scope, State};
use optin::prune::failure::{Code, Failure};
use optin::prune::stage::Stage;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{Harness, until_stopped};
use crate::fixture::job::{claimer, created, report};
use crate::fixture::lossy_store::LossyStore;
use crate::fixture::scripted::success;

#[tokio::test(flavor = "multi_thread")]
async fn a_successful_attempt_publishes_every_file() {
    let harness = Harness::new(5_000, |_, places, watch| {
        for stage in &Stage::ALL[..7] {
            watch.stage(*stage);
        }
        success(places)
    })
    .await;
    let job = created(harness.jobs.as_ref(), harness.job()).await;
    let ended = harness.ended(job.id).await;
    assert_eq!(
        (ended.state, ended.attempt, ended.report),
        (State::Succeeded, 1, Some(report()))
    );
    let manifest = harness
        .jobs
        .manifest(&Scope::Service, job.id)
        .await
        .unwrap()
        .unwrap();
    let names: Vec<&str> = manifest
        .files
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(names, ["model.safetensors", "report.json"]);
    let weights = &manifest.files[0];
    assert_eq!(
        (
            weights.bytes,
            harness
                .artifacts
                .size(&Key::parse(&weights.key).unwrap())
                .await
                .unwrap()
        ),
        (7, 7)
    );
    assert_eq!(harness.attempt_folders(), 0);
}

/// The outcome is stored, but responses are lost: one response, so that a retry succeeds, or all of them until the
/// lease expires.
#[tokio::test(flavor = "multi_thread")]
async fn a_published_result_keeps_its_files_when_the_response_is_lost() {
    for lost in [1, 1_000] {
        let wrap = |inner| -> Arc<dyn JobStore> {
            Arc::new(LossyStore {
                inner,
                finish_responses_to_lose: AtomicUsize::new(lost),
                hang: Arc::default(),
            })
        };
        let harness = Harness::with_store(wrap, 700, |_, places, _| success(places)).await;
        let job = created(harness.jobs.as_ref(), harness.job()).await;
        let ended = harness.ended(job.id).await;
        assert_eq!((ended.state, ended.attempt), (State::Succeeded, 1));
        // Longer than the worker retries.
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let manifest = harness.jobs.manifest(&Scope::Service, job.id).await;
        let manifest = manifest.unwrap().unwrap();
        assert_eq!(manifest.files.len(), 2);
        for file in manifest.files {
            let key = Key::parse(&file.key).unwrap();
            assert_eq!(
                harness.artifacts.size(&key).await.unwrap(),
                file.bytes,
                "{}",
                file.name
            );
        }
    }
}

/// Creates a harness whose job store hangs while `hang` is true. `stopped` becomes true when the first run ends.
async fn hanging(hang: &Arc<AtomicBool>, stopped: &Arc<AtomicBool>, lease_ms: u64) -> Harness {
    let stopped = Arc::clone(stopped);
    Harness::with_store(
        LossyStore::hanging(hang),
        lease_ms,
        move |run, places, watch| match run {
            1 => {
                let failure = until_stopped(watch);
                stopped.store(true, Ordering::SeqCst);
                Err(failure)
            }
            _ => success(places),
        },
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_stops_when_its_lease_expires_while_heartbeats_hang() {
    let hang = Arc::new(AtomicBool::new(false));
    let stopped = Arc::default();
    let harness = hanging(&hang, &stopped, 1_000).await;
    let job = created(harness.jobs.as_ref(), harness.job()).await;
    harness.scoring(job.id).await;
    hang.store(true, Ordering::SeqCst);
    let start = Instant::now();
    while !stopped.load(Ordering::SeqCst) {
        assert!(
            start.elapsed() < Duration::from_millis(1_500),
            "the attempt continues after its lease has expired"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The worker continues without a restart when the job store responds again.
    hang.store(false, Ordering::SeqCst);
    let ended = harness.ended(job.id).await;
    assert_eq!((ended.state, ended.attempt), (State::Succeeded, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_stops_on_request_while_a_claim_hangs() {
    let hang = Arc::new(AtomicBool::new(true));
    let harness = hanging(&hang, &Arc::default(), 500).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    harness.stop.cancel();
    tokio::time::timeout(Duration::from_secs(3), harness.worker)
        .await
        .expect("the worker must stop within 3 seconds")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_hangs_is_retried() {
    let hang = Arc::new(AtomicBool::new(true));
    let harness = hanging(&hang, &Arc::default(), 500).await;
    let job = created(harness.jobs.as_ref(), harness.job()).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    hang.store(false, Ordering::SeqCst);
    harness.scoring(job.id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_request_stops_a_run_within_five_seconds_and_no_files_remain() {
    let harness = Harness::new(5_000, |_, _, watch| Err(until_stopped(watch))).await;
    let job = created(harness.jobs.as_ref(), harness.job()).await;
    harness.scoring(job.id).await;
    let asked = Instant::now();
    harness
        .jobs
        .request_cancel(&Scope::Service, job.id)
        .await
        .unwrap();
    let ended = harness.ended(job.id).await;
    assert_eq!((ended.state, ended.failure), (State::Canceled, None));
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert_eq!((harness.stored(job.id), harness.attempt_folders()), (0, 0));
    let events = harness
        .jobs
        .events(&Scope::Service, job.id, 0, 1_000)
        .await
        .unwrap();
    let progress = events
        .iter()
        .filter(|event| matches!(event.body, optin::job::event::NewEvent::Progress { .. }))
        .count();
    assert!(
        progress >= 1,
        "at least one progress event must be recorded"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_stops_when_its_deadline_passes() {
    let harness = Harness::new(5_000, |_, _, watch| Err(until_stopped(watch))).await;
    let job = created(
        harness.jobs.as_ref(),
        NewJob {
            deadline_ms: Some(300),
            ..harness.job()
        },
    )
    .await;
    let ended = harness.ended(job.id).await;
    assert_eq!(
        (ended.state, ended.failure.unwrap().code),
        (State::Expired, Code::DeadlineExceeded)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_fails_the_attempt_without_exposing_its_message() {
    let harness = Harness::new(5_000, |_, _, _| panic!("a secret internal detail")).await;
    let job = created(harness.jobs.as_ref(), harness.job_of_one_attempt()).await;
    let failure = harness.ended(job.id).await.failure.unwrap();
    assert_eq!(failure.code, Code::Internal);
    assert!(
        !failure.detail.contains("secret") && failure.detail.contains(&job.id.to_string()),
        "{}",
        failure.detail
    );
    // The worker still runs jobs.
    let next = created(harness.jobs.as_ref(), harness.job_of_one_attempt()).await;
    assert_eq!(harness.ended(next.id).await.state, State::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retryable_failure_is_retried() {
    let harness = Harness::new(5_000, |run, places, _| match run {
        1 => Err(Failure::new(Code::StorageFull, "the disk is full").in_stage(Stage::Cutting)),
        _ => success(places),
    })
    .await;
    let job = created(harness.jobs.as_ref(), harness.job()).await;
    let ended = harness.ended(job.id).await;
    assert_eq!(
        (ended.state, ended.attempt, ended.failure),
        (State::Succeeded, 2, None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_request_is_not_retried() {
    let harness = Harness::new(5_000, |_, _, _| {
        Err(Failure::new(Code::InvalidData, "line 3").in_stage(Stage::Preparing))
    })
    .await;
    let job = created(harness.jobs.as_ref(), harness.job()).await;
    let ended = harness.ended(job.id).await;
    let failure = ended.failure.unwrap();
    assert_eq!(
        (ended.state, ended.attempt, failure.stage),
        (State::Failed, 1, Some(Stage::Preparing))
    );
    assert_eq!(failure.detail, "line 3");
}

/// An attempt loses its lease but continues, and finishes while another worker already runs the next attempt.
#[tokio::test(flavor = "multi_thread")]
async fn the_result_of_an_attempt_without_a_lease_is_rejected_and_its_files_are_removed() {
    let harness = Harness::new(60_000, |_, places, watch| {
        watch.stage(Stage::Scoring);
        std::thread::sleep(Duration::from_millis(700));
        success(places)
    })
    .await;
    let job = created(harness.jobs.as_ref(), harness.job()).await;
    harness.scoring(job.id).await;
    // The lease expires, as if the process had been suspended for longer than the lease. Another worker claims the job.
    expire_lease(&harness, job.id).await;
    let (_, lease) = harness
        .jobs
        .claim(&claimer("other", 60_000))
        .await
        .unwrap()
        .expect("the lease must have expired");
    assert_eq!(lease.attempt, 2);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let current = harness.jobs.get(&Scope::Service, job.id).await.unwrap();
    assert_eq!((current.state, current.attempt), (State::Running, 2));
    assert_eq!(
        harness.stored(job.id),
        0,
        "the files of the first attempt must be removed"
    );
    assert_eq!(
        harness
            .jobs
            .manifest(&Scope::Service, job.id)
            .await
            .unwrap(),
        None
    );
}

/// Sets the lease of a running job to a time in the past.
async fn expire_lease(harness: &Harness, id: JobId) {
    use sqlx::Connection;
    let url = format!(
        "sqlite://{}",
        harness.folder.path().join("jobs.sqlite").display()
    );
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let changed = sqlx::query("UPDATE jobs SET lease_until = 1 WHERE id = ?1").bind(id.to_string());
    assert_eq!(
        changed
            .execute(&mut connection)
            .await
            .unwrap()
            .rows_affected(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_shuts_down_requeues_its_job() {
    let harness = Harness::new(60_000, |_, _, watch| Err(until_stopped(watch))).await;
    let job = created(harness.jobs.as_ref(), harness.job_of_one_attempt()).await;
    harness.scoring(job.id).await;
    harness.stop.cancel();
    let Harness { worker, jobs, .. } = harness;
    tokio::time::timeout(Duration::from_secs(5), worker)
        .await
        .expect("the worker must stop within 5 seconds")
        .unwrap();
    let back = jobs.get(&Scope::Service, job.id).await.unwrap();
    assert_eq!((back.state, back.failure), (State::Queued, None));
    assert_eq!(
        jobs.claim(&claimer("next", 1_000))
            .await
            .unwrap()
            .unwrap()
            .1
            .attempt,
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_source_fails_the_job() {
    let harness = Harness::new(5_000, |_, places, _| success(places)).await;
    let mut new = harness.job();
    new.recipe.model.uri = harness.uri("no-such-model");
    let job = created(harness.jobs.as_ref(), new).await;
    assert_eq!(
        harness.ended(job.id).await.failure.unwrap().code,
        Code::SourceNotFound
    );
}

/// A crash, as the pruner reports it.
fn crash(stage: Stage) -> Failure {
    Failure::new(Code::Crashed, "the process ended").in_stage(stage)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_crash_in_the_same_stage_ends_the_job() {
    let harness = Harness::new(5_000, |run, _, _| match run {
        1 => Err(crash(Stage::Preparing)),
        2 | 3 => Err(crash(Stage::Scoring)),
        _ => panic!("the job has ended"),
    })
    .await;
    let job = NewJob {
        max_attempts: 10,
        ..harness.job()
    };
    let job = created(harness.jobs.as_ref(), job).await;
    let ended = harness.ended(job.id).await;
    assert_eq!(
        (ended.state, ended.attempt, ended.failure),
        (State::Failed, 3, Some(crash(Stage::Scoring)))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_on_after_a_crash() {
    let harness = Harness::new(5_000, |run, places, _| match run {
        1 => Err(crash(Stage::Scoring)),
        _ => success(places),
    })
    .await;
    let job = created(harness.jobs.as_ref(), harness.job()).await;
    let ended = harness.ended(job.id).await;
    assert_eq!((ended.state, ended.attempt), (State::Succeeded, 2));
}
