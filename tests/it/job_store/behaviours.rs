//! The list. A store is made afresh for each entry.

use optin::artifact::manifest::{Manifest, StoredFile};
use optin::job::event::NewEvent;
use optin::job::store::{Created, IdempotencyKey, JobFilter, JobStore, Outcome, StoreError};
use optin::job::{JobId, State};
use optin::prune::failure::Code;
use optin::prune::stage::Stage;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::fixture::job::{claimed, created, failure, new_job, report};

const LONG_MS: i64 = 60_000;
const SHORT_MS: i64 = 40;

pub type Store = Arc<dyn JobStore>;

fn manifest() -> Manifest {
    Manifest {
        files: vec![StoredFile {
            name: "a".into(),
            key: "jobs/x/1/a".into(),
            bytes: 3,
            sha256: "00".into(),
        }],
    }
}

fn succeeded() -> Outcome {
    Outcome::Succeeded {
        report: Box::new(report()),
        manifest: manifest(),
    }
}

async fn past(ms: i64) {
    tokio::time::sleep(Duration::from_millis(ms as u64 + 30)).await;
}

async fn types(store: &Store, id: JobId) -> Vec<String> {
    let events = store.events(id, 0, 1_000).await.unwrap();
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.sequence, index as i64 + 1);
    }
    events
        .iter()
        .map(|event| {
            serde_json::to_value(&event.body).unwrap()["type"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

pub async fn a_created_job_is_queued_and_can_be_read(store: Store) {
    let mut new = new_job("file:///models/a");
    new.labels = BTreeMap::from([("team".to_owned(), "search".to_owned())]);
    let job = created(store.as_ref(), new.clone()).await;
    assert_eq!(store.get(job.id).await.unwrap(), job);
    assert_eq!(
        (job.state, job.attempt, job.stage, job.finished_at),
        (State::Queued, 0, None, None)
    );
    assert_eq!((&job.recipe, &job.labels), (&new.recipe, &new.labels));
    assert_eq!(types(&store, job.id).await, ["queued"]);
    assert!(matches!(
        store.get(JobId::fresh()).await,
        Err(StoreError::NotFound(_))
    ));
}

pub async fn a_key_replays_its_job_and_refuses_another_body(store: Store) {
    let key = |body: &str| {
        Some(IdempotencyKey {
            key: "k".into(),
            body_sha256: body.into(),
        })
    };
    let Created::New(first) = store.create(new_job("a"), key("1")).await.unwrap() else {
        panic!("new")
    };
    let Created::Replayed(again) = store.create(new_job("a"), key("1")).await.unwrap() else {
        panic!("replayed")
    };
    assert_eq!(first.id, again.id);
    assert!(matches!(
        store.create(new_job("a"), key("2")).await,
        Err(StoreError::KeyReused)
    ));
    let (all, _) = store.list(&JobFilter::default(), None, 10).await.unwrap();
    assert_eq!(all.len(), 1);
}

pub async fn a_key_used_by_many_at_once_makes_one_job(store: Store) {
    let tasks = (0..16).map(|_| {
        let store = Arc::clone(&store);
        let key = Some(IdempotencyKey {
            key: "k".into(),
            body_sha256: "b".into(),
        });
        tokio::spawn(async move {
            match store.create(new_job("a"), key).await.unwrap() {
                Created::New(job) | Created::Replayed(job) => job.id,
            }
        })
    });
    let mut ids = HashSet::new();
    for task in tasks.collect::<Vec<_>>() {
        ids.insert(task.await.unwrap());
    }
    assert_eq!(ids.len(), 1);
}

pub async fn lists_are_pages_newest_first_and_filtered(store: Store) {
    let mut ids = Vec::new();
    for index in 0..7 {
        let mut new = new_job(if index % 2 == 0 { "even" } else { "odd" });
        new.labels = BTreeMap::from([("n".to_owned(), (index % 3).to_string())]);
        ids.push(created(store.as_ref(), new).await.id);
    }
    ids.reverse();
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let (page, more) = store.list(&JobFilter::default(), before, 3).await.unwrap();
        seen.extend(page.iter().map(|job| job.id));
        before = seen.last().copied();
        if !more {
            break;
        }
    }
    assert_eq!(seen, ids);
    let count = async |filter: JobFilter| store.list(&filter, None, 10).await.unwrap().0.len();
    assert_eq!(
        count(JobFilter {
            model: Some("odd".into()),
            ..JobFilter::default()
        })
        .await,
        3
    );
    assert_eq!(
        count(JobFilter {
            label: Some(("n".into(), "0".into())),
            ..JobFilter::default()
        })
        .await,
        3
    );
    assert_eq!(
        count(JobFilter {
            label: Some(("n".into(), "9".into())),
            ..JobFilter::default()
        })
        .await,
        0
    );
    store.request_cancel(ids[0]).await.unwrap();
    assert_eq!(
        count(JobFilter {
            state: Some(State::Canceled),
            ..JobFilter::default()
        })
        .await,
        1
    );
    assert_eq!(
        count(JobFilter {
            state: Some(State::Queued),
            ..JobFilter::default()
        })
        .await,
        6
    );
}

pub async fn claims_take_the_oldest_job_once(store: Store) {
    let first = created(store.as_ref(), new_job("a")).await;
    let second = created(store.as_ref(), new_job("a")).await;
    let (job, lease) = claimed(store.as_ref(), LONG_MS).await;
    assert_eq!(
        (job.id, job.state, job.attempt, lease.attempt),
        (first.id, State::Running, 1, 1)
    );
    assert!(job.started_at.is_some());
    assert_eq!(claimed(store.as_ref(), LONG_MS).await.0.id, second.id);
    assert!(store.claim("w", LONG_MS).await.unwrap().is_none());
    assert_eq!(types(&store, first.id).await, ["queued", "started"]);
}

pub async fn many_claimers_share_jobs_without_a_double_or_a_loss(store: Store) {
    let mut wanted = HashSet::new();
    for _ in 0..200 {
        wanted.insert(created(store.as_ref(), new_job("a")).await.id);
    }
    let claimers = (0..16).map(|claimer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut taken = Vec::new();
            while let Some((job, lease)) =
                store.claim(&format!("w{claimer}"), LONG_MS).await.unwrap()
            {
                taken.push(job.id);
                store.finish(&lease, succeeded()).await.unwrap();
            }
            taken
        })
    });
    let mut taken = Vec::new();
    for claimer in claimers.collect::<Vec<_>>() {
        taken.extend(claimer.await.unwrap());
    }
    assert_eq!(taken.len(), 200);
    assert_eq!(taken.into_iter().collect::<HashSet<_>>(), wanted);
}

pub async fn a_lease_that_ran_out_is_taken_over_and_its_holder_is_fenced(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    let (_, old) = claimed(store.as_ref(), SHORT_MS).await;
    assert!(
        store.claim("thief", LONG_MS).await.unwrap().is_none(),
        "the lease holds"
    );
    past(SHORT_MS).await;
    let (again, new) = store.claim("second", LONG_MS).await.unwrap().unwrap();
    assert_eq!((again.id, new.attempt), (job.id, 2));
    let lost = |outcome: Result<(), StoreError>| {
        assert!(matches!(outcome, Err(StoreError::LeaseLost(id)) if id == job.id))
    };
    lost(store.heartbeat(&old, None, 0, 0, LONG_MS).await.map(|_| ()));
    lost(
        store
            .record(
                &old,
                NewEvent::Stage {
                    stage: Stage::Scoring,
                },
            )
            .await,
    );
    lost(store.finish(&old, succeeded()).await.map(|_| ()));
    assert_eq!(store.manifest(job.id).await.unwrap(), None);
    let ended = store.finish(&new, succeeded()).await.unwrap();
    assert_eq!(ended.state, State::Succeeded);
    lost(store.finish(&new, succeeded()).await.map(|_| ()));
    assert_eq!(
        types(&store, job.id).await,
        ["queued", "started", "requeued", "started", "succeeded"]
    );
}

pub async fn a_heartbeat_keeps_the_lease_and_writes_progress(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    let (_, lease) = claimed(store.as_ref(), 150).await;
    for done in 0..4 {
        tokio::time::sleep(Duration::from_millis(80)).await;
        store
            .heartbeat(&lease, Some(Stage::Scoring), done, 9, 150)
            .await
            .unwrap();
    }
    assert!(store.claim("thief", LONG_MS).await.unwrap().is_none());
    let seen = store.get(job.id).await.unwrap();
    assert_eq!(
        (seen.stage, seen.progress.done, seen.progress.total),
        (Some(Stage::Scoring), 3, 9)
    );
    assert!(seen.progress.since.unwrap() <= seen.created_at + 60_000);
}

pub async fn every_change_grows_the_version(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    let mut last = job.version;
    let mut grew = async |what: &str| {
        let version = store.get(job.id).await.unwrap().version;
        assert!(version > last, "{what}");
        last = version;
    };
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    grew("claim").await;
    store
        .heartbeat(&lease, Some(Stage::Scoring), 1, 9, LONG_MS)
        .await
        .unwrap();
    grew("heartbeat").await;
    store
        .record(
            &lease,
            NewEvent::Stage {
                stage: Stage::Searching,
            },
        )
        .await
        .unwrap();
    grew("event").await;
    store.request_cancel(job.id).await.unwrap();
    grew("cancel").await;
    store
        .finish(&lease, Outcome::Failed(failure(Code::Canceled)))
        .await
        .unwrap();
    grew("finish").await;
}

pub async fn cancel_ends_a_queued_job_and_asks_a_running_one(store: Store) {
    let queued = created(store.as_ref(), new_job("a")).await;
    assert_eq!(
        store.request_cancel(queued.id).await.unwrap().state,
        State::Canceled
    );
    let running = created(store.as_ref(), new_job("a")).await;
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    assert_eq!(lease.job, running.id);
    assert!(
        !store
            .heartbeat(&lease, None, 0, 0, LONG_MS)
            .await
            .unwrap()
            .cancel_requested
    );
    let asked = store.request_cancel(running.id).await.unwrap();
    assert_eq!(
        (asked.state, asked.cancel_requested),
        (State::Canceling, true)
    );
    assert_eq!(
        store.request_cancel(running.id).await.unwrap().version,
        asked.version,
        "asking again changes nothing"
    );
    assert!(
        store
            .heartbeat(&lease, None, 0, 0, LONG_MS)
            .await
            .unwrap()
            .cancel_requested
    );
    assert_eq!(
        store
            .finish(&lease, Outcome::Failed(failure(Code::Canceled)))
            .await
            .unwrap()
            .state,
        State::Canceled
    );
    assert_eq!(
        store.request_cancel(running.id).await.unwrap().state,
        State::Canceled
    );
    assert_eq!(
        types(&store, running.id).await,
        ["queued", "started", "cancel_requested", "canceled"]
    );
}

pub async fn a_result_that_was_ready_before_the_cancel_request_counts(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    store.request_cancel(job.id).await.unwrap();
    assert_eq!(
        store.finish(&lease, succeeded()).await.unwrap().state,
        State::Succeeded
    );
}

pub async fn a_canceled_job_of_a_dead_worker_ends(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    claimed(store.as_ref(), SHORT_MS).await;
    store.request_cancel(job.id).await.unwrap();
    assert_eq!(store.sweep().await.unwrap(), 0, "its worker may be alive");
    past(SHORT_MS).await;
    assert_eq!(store.sweep().await.unwrap(), 1);
    assert_eq!(store.get(job.id).await.unwrap().state, State::Canceled);
    assert_eq!(store.sweep().await.unwrap(), 0);
}

pub async fn a_deadline_ends_a_waiting_job_and_tells_a_running_one(store: Store) {
    let hurried = |ms| optin::job::NewJob {
        deadline_ms: Some(ms),
        ..new_job("a")
    };
    let waiting = created(store.as_ref(), hurried(SHORT_MS)).await;
    past(SHORT_MS).await;
    assert!(store.claim("w", LONG_MS).await.unwrap().is_none());
    let ended = store.get(waiting.id).await.unwrap();
    assert_eq!(
        (ended.state, ended.failure.unwrap().code),
        (State::Expired, Code::DeadlineExceeded)
    );
    let running = created(store.as_ref(), hurried(200)).await;
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    assert!(
        !store
            .heartbeat(&lease, None, 0, 0, LONG_MS)
            .await
            .unwrap()
            .deadline_passed
    );
    past(200).await;
    assert!(
        store
            .heartbeat(&lease, None, 0, 0, LONG_MS)
            .await
            .unwrap()
            .deadline_passed
    );
    store
        .finish(&lease, Outcome::Failed(failure(Code::DeadlineExceeded)))
        .await
        .unwrap();
    assert_eq!(store.get(running.id).await.unwrap().state, State::Expired);
}

pub async fn retryable_failures_are_tried_again_and_others_are_not(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    let queued = store
        .finish(&lease, Outcome::Failed(failure(Code::StorageFull)))
        .await
        .unwrap();
    assert_eq!(
        (queued.state, queued.failure, queued.finished_at),
        (State::Queued, None, None)
    );
    assert!(
        store.claim("w", LONG_MS).await.unwrap().is_none(),
        "not at once"
    );
    past(1_000).await;
    let (again, lease) = claimed(store.as_ref(), LONG_MS).await;
    assert_eq!((again.id, again.attempt), (job.id, 2));
    let ended = store
        .finish(&lease, Outcome::Failed(failure(Code::InvalidData)))
        .await
        .unwrap();
    assert_eq!(
        (ended.state, ended.failure.unwrap().code),
        (State::Failed, Code::InvalidData)
    );
    assert_eq!(
        types(&store, job.id).await,
        ["queued", "started", "requeued", "started", "failed"]
    );
}

pub async fn attempts_run_out(store: Store) {
    let job = created(
        store.as_ref(),
        optin::job::NewJob {
            max_attempts: 2,
            ..new_job("a")
        },
    )
    .await;
    for attempt in 1..=2 {
        let (_, lease) = claimed(store.as_ref(), SHORT_MS).await;
        assert_eq!(lease.attempt, attempt);
        past(SHORT_MS).await;
    }
    assert!(store.claim("w", LONG_MS).await.unwrap().is_none());
    let ended = store.get(job.id).await.unwrap();
    assert_eq!(
        (ended.state, ended.failure.unwrap().code, ended.attempt),
        (State::Failed, Code::AttemptsExhausted, 2)
    );
}

pub async fn an_interrupted_attempt_is_given_back(store: Store) {
    let job = created(
        store.as_ref(),
        optin::job::NewJob {
            max_attempts: 1,
            ..new_job("a")
        },
    )
    .await;
    for attempt in 1..=3 {
        let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
        assert_eq!(
            (lease.job, lease.attempt),
            (job.id, attempt),
            "the fencing token grows all the same"
        );
        assert_eq!(
            store
                .finish(&lease, Outcome::Interrupted)
                .await
                .unwrap()
                .state,
            State::Queued
        );
    }
}

pub async fn a_manifest_is_there_exactly_when_the_job_succeeded(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    assert_eq!(store.manifest(job.id).await.unwrap(), None);
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    assert_eq!(store.manifest(job.id).await.unwrap(), None);
    let ended = store.finish(&lease, succeeded()).await.unwrap();
    assert_eq!(ended.report, Some(report()));
    assert_eq!(store.manifest(job.id).await.unwrap(), Some(manifest()));
}

pub async fn only_jobs_that_have_ended_are_deleted(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    assert!(matches!(
        store.delete(job.id).await,
        Err(StoreError::Conflict {
            state: State::Queued,
            ..
        })
    ));
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    assert!(matches!(
        store.delete(job.id).await,
        Err(StoreError::Conflict {
            state: State::Running,
            ..
        })
    ));
    store.finish(&lease, succeeded()).await.unwrap();
    assert_eq!(store.delete(job.id).await.unwrap(), Some(manifest()));
    assert!(matches!(
        store.get(job.id).await,
        Err(StoreError::NotFound(_))
    ));
    assert!(matches!(
        store.events(job.id, 0, 10).await,
        Err(StoreError::NotFound(_))
    ));
    assert!(matches!(
        store.delete(job.id).await,
        Err(StoreError::NotFound(_))
    ));
}

pub async fn events_are_pages_in_order(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    for done in 0..5 {
        store
            .record(
                &lease,
                NewEvent::Progress {
                    stage: Stage::Scoring,
                    done,
                    total: 5,
                },
            )
            .await
            .unwrap();
    }
    let page = store.events(job.id, 3, 2).await.unwrap();
    assert_eq!(
        page.iter().map(|event| event.sequence).collect::<Vec<_>>(),
        [4, 5]
    );
    assert_eq!(
        page[0].body,
        NewEvent::Progress {
            stage: Stage::Scoring,
            done: 1,
            total: 5
        }
    );
    assert!(page[0].at >= job.created_at);
    assert!(store.events(job.id, 7, 10).await.unwrap().is_empty());
}

pub async fn depth_counts_what_waits_and_what_runs(store: Store) {
    assert_eq!(store.depth().await.unwrap().queued, 0);
    for _ in 0..3 {
        created(store.as_ref(), new_job("a")).await;
    }
    claimed(store.as_ref(), LONG_MS).await;
    past(0).await;
    let depth = store.depth().await.unwrap();
    assert_eq!((depth.queued, depth.running), (2, 1));
    assert!(depth.oldest_queued_ms >= 20 && depth.oldest_queued_ms < 60_000);
    store.ping().await.unwrap();
}

pub async fn two_sweepers_at_once_end_each_job_once(store: Store) {
    for _ in 0..20 {
        created(
            store.as_ref(),
            optin::job::NewJob {
                deadline_ms: Some(1),
                ..new_job("a")
            },
        )
        .await;
    }
    past(5).await;
    let (left, right) = tokio::join!(store.sweep(), store.sweep());
    assert_eq!(left.unwrap() + right.unwrap(), 20);
    for job in store
        .list(&JobFilter::default(), None, 100)
        .await
        .unwrap()
        .0
    {
        assert_eq!(types(&store, job.id).await, ["queued", "expired"]);
    }
}
