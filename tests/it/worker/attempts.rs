//! How an attempt can go, and what is left of it.

use optin::artifact::key::Key;
use optin::job::store::JobStore;
use optin::job::{JobId, NewJob, Scope, State};
use optin::prune::failure::{Code, Failure};
use optin::prune::stage::Stage;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{House, until_stopped};
use crate::fixture::deaf::Deaf;
use crate::fixture::job::{claimer, created, report};
use crate::fixture::scripted::success;

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_published_with_every_file() {
    let house = House::new(5_000, |_, places, watch| {
        for stage in &Stage::ALL[..7] {
            watch.stage(*stage);
        }
        success(places)
    })
    .await;
    let job = created(house.jobs.as_ref(), house.job()).await;
    let ended = house.ended(job.id).await;
    assert_eq!(
        (ended.state, ended.attempt, ended.report),
        (State::Succeeded, 1, Some(report()))
    );
    let manifest = house
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
            house
                .artifacts
                .size(&Key::parse(&weights.key).unwrap())
                .await
                .unwrap()
        ),
        (7, 7)
    );
    assert_eq!(house.attempts_left(), 0);
}

/// The end was written, but the answer was lost: once while there was time to ask again, and for longer than the lease.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_whose_publication_was_not_heard_of_keeps_its_files() {
    for lost in [1, 1_000] {
        let deaf = |inner| -> Arc<dyn JobStore> {
            Arc::new(Deaf {
                inner,
                ends_to_lose: AtomicUsize::new(lost),
                silent: Arc::default(),
            })
        };
        let house = House::over(deaf, 700, |_, places, _| success(places)).await;
        let job = created(house.jobs.as_ref(), house.job()).await;
        let ended = house.ended(job.id).await;
        assert_eq!((ended.state, ended.attempt), (State::Succeeded, 1));
        // Longer than the worker asks again.
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let manifest = house.jobs.manifest(&Scope::Service, job.id).await;
        let manifest = manifest.unwrap().unwrap();
        assert_eq!(manifest.files.len(), 2);
        for file in manifest.files {
            let key = Key::parse(&file.key).unwrap();
            assert_eq!(
                house.artifacts.size(&key).await.unwrap(),
                file.bytes,
                "{}",
                file.name
            );
        }
    }
}

/// A house whose worker's database goes silent while `silent` is true; `stopped` tells that its first run has ended.
async fn silenced(silent: &Arc<AtomicBool>, stopped: &Arc<AtomicBool>, lease_ms: u64) -> House {
    let stopped = Arc::clone(stopped);
    House::over(
        Deaf::silenced(silent),
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
async fn an_attempt_ends_with_its_lease_when_heartbeats_are_not_answered() {
    let silent = Arc::new(AtomicBool::new(false));
    let stopped = Arc::default();
    let house = silenced(&silent, &stopped, 1_000).await;
    let job = created(house.jobs.as_ref(), house.job()).await;
    house.scoring(job.id).await;
    silent.store(true, Ordering::SeqCst);
    let start = Instant::now();
    while !stopped.load(Ordering::SeqCst) {
        assert!(
            start.elapsed() < Duration::from_millis(1_500),
            "it works past its lease"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // It goes on by itself once the database answers.
    silent.store(false, Ordering::SeqCst);
    let ended = house.ended(job.id).await;
    assert_eq!((ended.state, ended.attempt), (State::Succeeded, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_claim_is_not_answered_hears_that_it_is_to_stop() {
    let silent = Arc::new(AtomicBool::new(true));
    let house = silenced(&silent, &Arc::default(), 500).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    house.stop.cancel();
    tokio::time::timeout(Duration::from_secs(3), house.worker)
        .await
        .expect("the worker stops")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_is_not_answered_is_made_again() {
    let silent = Arc::new(AtomicBool::new(true));
    let house = silenced(&silent, &Arc::default(), 500).await;
    let job = created(house.jobs.as_ref(), house.job()).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    silent.store(false, Ordering::SeqCst);
    house.scoring(job.id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_request_stops_a_run_soon_and_leaves_nothing() {
    let house = House::new(5_000, |_, _, watch| Err(until_stopped(watch))).await;
    let job = created(house.jobs.as_ref(), house.job()).await;
    house.scoring(job.id).await;
    let asked = Instant::now();
    house
        .jobs
        .request_cancel(&Scope::Service, job.id)
        .await
        .unwrap();
    let ended = house.ended(job.id).await;
    assert_eq!((ended.state, ended.failure), (State::Canceled, None));
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert_eq!((house.stored(job.id), house.attempts_left()), (0, 0));
    let events = house
        .jobs
        .events(&Scope::Service, job.id, 0, 1_000)
        .await
        .unwrap();
    let progress = events
        .iter()
        .filter(|event| matches!(event.body, optin::job::event::NewEvent::Progress { .. }))
        .count();
    assert!(progress >= 1, "progress was told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_stops_a_run() {
    let house = House::new(5_000, |_, _, watch| Err(until_stopped(watch))).await;
    let job = created(
        house.jobs.as_ref(),
        NewJob {
            deadline_ms: Some(300),
            ..house.job()
        },
    )
    .await;
    let ended = house.ended(job.id).await;
    assert_eq!(
        (ended.state, ended.failure.unwrap().code),
        (State::Expired, Code::DeadlineExceeded)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_fails_the_attempt_and_tells_nothing_internal() {
    let house = House::new(5_000, |_, _, _| panic!("the secret of the house")).await;
    let job = created(house.jobs.as_ref(), house.job_of_one_attempt()).await;
    let failure = house.ended(job.id).await.failure.unwrap();
    assert_eq!(failure.code, Code::Internal);
    assert!(
        !failure.detail.contains("secret") && failure.detail.contains(&job.id.to_string()),
        "{}",
        failure.detail
    );
    // The worker lives on.
    let next = created(house.jobs.as_ref(), house.job_of_one_attempt()).await;
    assert_eq!(house.ended(next.id).await.state, State::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_may_pass_is_tried_again() {
    let house = House::new(5_000, |run, places, _| match run {
        1 => Err(Failure::new(Code::StorageFull, "the disk is full").in_stage(Stage::Cutting)),
        _ => success(places),
    })
    .await;
    let job = created(house.jobs.as_ref(), house.job()).await;
    let ended = house.ended(job.id).await;
    assert_eq!(
        (ended.state, ended.attempt, ended.failure),
        (State::Succeeded, 2, None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_request_is_final() {
    let house = House::new(5_000, |_, _, _| {
        Err(Failure::new(Code::InvalidData, "line 3").in_stage(Stage::Preparing))
    })
    .await;
    let job = created(house.jobs.as_ref(), house.job()).await;
    let ended = house.ended(job.id).await;
    let failure = ended.failure.unwrap();
    assert_eq!(
        (ended.state, ended.attempt, failure.stage),
        (State::Failed, 1, Some(Stage::Preparing))
    );
    assert_eq!(failure.detail, "line 3");
}

/// The zombie: it lost its lease, goes on, and comes with a result after another attempt published its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_zombies_result_is_refused_and_its_files_are_removed() {
    let house = House::new(60_000, |_, places, watch| {
        watch.stage(Stage::Scoring);
        std::thread::sleep(Duration::from_millis(700));
        success(places)
    })
    .await;
    let job = created(house.jobs.as_ref(), house.job()).await;
    house.scoring(job.id).await;
    // Its lease runs out as if it had been stopped for longer than that, and another worker takes the job.
    steal(&house, job.id).await;
    let (_, lease) = house
        .jobs
        .claim(&claimer("other", 60_000))
        .await
        .unwrap()
        .expect("the lease ran out");
    assert_eq!(lease.attempt, 2);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let held = house.jobs.get(&Scope::Service, job.id).await.unwrap();
    assert_eq!((held.state, held.attempt), (State::Running, 2));
    assert_eq!(house.stored(job.id), 0, "the zombie's files are gone");
    assert_eq!(
        house.jobs.manifest(&Scope::Service, job.id).await.unwrap(),
        None
    );
}

async fn steal(house: &House, id: JobId) {
    use sqlx::Connection;
    let url = format!(
        "sqlite://{}",
        house.folder.path().join("jobs.sqlite").display()
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
async fn a_worker_that_shuts_down_gives_its_job_back() {
    let house = House::new(60_000, |_, _, watch| Err(until_stopped(watch))).await;
    let job = created(house.jobs.as_ref(), house.job_of_one_attempt()).await;
    house.scoring(job.id).await;
    house.stop.cancel();
    let House { worker, jobs, .. } = house;
    tokio::time::timeout(Duration::from_secs(5), worker)
        .await
        .expect("it stops soon")
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
async fn a_source_that_is_gone_fails_the_job() {
    let house = House::new(5_000, |_, places, _| success(places)).await;
    let mut new = house.job();
    new.recipe.model.uri = house.uri("no-such-model");
    let job = created(house.jobs.as_ref(), new).await;
    assert_eq!(
        house.ended(job.id).await.failure.unwrap().code,
        Code::SourceNotFound
    );
}
