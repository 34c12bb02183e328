//! Behaviors of creating, reading, listing and deleting jobs.

use optin::job::event::NewEvent;
use optin::job::queue::Quota;
use optin::job::store::{Created, IdempotencyKey, JobFilter, Outcome, StoreError};
use optin::job::webhook::{NewWebhook, Topic};
use optin::job::{JobId, Scope, State};
use optin::prune::failure::Code;
use optin::prune::stage::Stage;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

use super::{LONG_MS, Store, manifest, past, succeeded, types};
use crate::fixture::job::{claimed, created, failure, new_job, report};

pub async fn a_created_job_is_queued_and_can_be_read(store: Store) {
    let mut new = new_job("file:///models/a");
    new.labels = BTreeMap::from([("team".to_owned(), "search".to_owned())]);
    let job = created(store.as_ref(), new.clone()).await;
    assert_eq!(store.get(&Scope::Service, job.id).await.unwrap(), job);
    assert_eq!(
        (job.state, job.attempt, job.stage, job.finished_at),
        (State::Queued, 0, None, None)
    );
    assert_eq!((&job.recipe, &job.labels), (&new.recipe, &new.labels));
    assert_eq!(types(&store, job.id).await, ["queued"]);
    assert!(matches!(
        store.get(&Scope::Service, JobId::at(0)).await,
        Err(StoreError::NotFound(_))
    ));
}

/// Returns the time that an ID contains, in milliseconds.
fn time_of(id: Uuid) -> i64 {
    let (seconds, nanoseconds) = id.get_timestamp().unwrap().to_unix();
    seconds as i64 * 1_000 + i64::from(nanoseconds / 1_000_000)
}

/// Lists are sorted by ID, so the clocks of the processes that create IDs must not matter.
pub async fn ids_contain_the_database_time(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    assert_eq!(time_of(job.id.uuid()), job.created_at);
    let new = NewWebhook {
        tenant: job.tenant.clone(),
        url: "https://example.org/".into(),
        secret: "whsec_".into(),
        events: Topic::ENDS.to_vec(),
    };
    let webhook = store.add_webhook(new).await.unwrap();
    assert_eq!(time_of(webhook.id.uuid()), webhook.created_at);
    let test = store.test_webhook(&Scope::Service, webhook.id).await;
    let test = test.unwrap();
    assert_eq!(time_of(test.id.uuid()), test.created_at);
}

pub async fn an_idempotency_key_replays_its_job_and_rejects_another_body(store: Store) {
    let key = |body: &str| {
        Some(IdempotencyKey {
            key: "k".into(),
            body_sha256: body.into(),
        })
    };
    let Created::New(first) = store
        .create(new_job("a"), key("1"), Quota::default())
        .await
        .unwrap()
    else {
        panic!("the first request must create a job")
    };
    let Created::Replayed(again) = store
        .create(new_job("a"), key("1"), Quota::default())
        .await
        .unwrap()
    else {
        panic!("the second request must replay the job")
    };
    assert_eq!(first.id, again.id);
    assert!(matches!(
        store.create(new_job("a"), key("2"), Quota::default()).await,
        Err(StoreError::KeyReused)
    ));
    let (all, _) = store
        .list(&Scope::Service, &JobFilter::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(all.len(), 1);
}

pub async fn concurrent_requests_with_one_idempotency_key_create_one_job(store: Store) {
    let tasks = (0..16).map(|_| {
        let store = Arc::clone(&store);
        let key = Some(IdempotencyKey {
            key: "k".into(),
            body_sha256: "b".into(),
        });
        tokio::spawn(async move {
            match store
                .create(new_job("a"), key, Quota::default())
                .await
                .unwrap()
            {
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

pub async fn jobs_are_counted_by_state_under_the_other_filters(store: Store) {
    let mut ids = Vec::new();
    for index in 0..5 {
        let mut new = new_job(if index < 3 { "model" } else { "other" });
        new.labels = BTreeMap::from([("n".to_owned(), (index % 2).to_string())]);
        ids.push(created(store.as_ref(), new).await.id);
    }
    store.request_cancel(&Scope::Service, ids[0]).await.unwrap();
    let counts = async |scope: &Scope, filter: JobFilter| {
        let mut counts = store.counts(scope, &filter).await.unwrap();
        counts.retain(|(_, count)| *count > 0);
        counts.sort_by_key(|(state, _)| state.as_str());
        counts
    };
    let (queued, canceled) = (State::Queued, State::Canceled);
    let everything = JobFilter::default();
    assert_eq!(
        counts(&Scope::Service, everything.clone()).await,
        [(canceled, 1), (queued, 4)]
    );
    // The states of the filter do not matter, so that one answer has the numbers of all of them.
    let model = JobFilter {
        states: vec![State::Failed],
        model: Some("model".into()),
        label: None,
    };
    assert_eq!(
        counts(&Scope::Service, model).await,
        [(canceled, 1), (queued, 2)]
    );
    let label = JobFilter {
        label: Some(("n".into(), "1".into())),
        ..everything.clone()
    };
    assert_eq!(counts(&Scope::Service, label).await, [(queued, 2)]);
    let stranger = Scope::Tenant("stranger".parse().unwrap());
    assert_eq!(counts(&stranger, everything).await, []);
}

pub async fn lists_are_paginated_newest_first_and_filtered(store: Store) {
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
        let (page, more) = store
            .list(&Scope::Service, &JobFilter::default(), before, 3)
            .await
            .unwrap();
        seen.extend(page.iter().map(|job| job.id));
        before = seen.last().copied();
        if !more {
            break;
        }
    }
    assert_eq!(seen, ids);
    let count = async |filter: JobFilter| {
        store
            .list(&Scope::Service, &filter, None, 10)
            .await
            .unwrap()
            .0
            .len()
    };
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
    store.request_cancel(&Scope::Service, ids[0]).await.unwrap();
    assert_eq!(
        count(JobFilter {
            states: vec![State::Canceled],
            ..JobFilter::default()
        })
        .await,
        1
    );
    assert_eq!(
        count(JobFilter {
            states: vec![State::Queued],
            ..JobFilter::default()
        })
        .await,
        6
    );
    assert_eq!(
        count(JobFilter {
            states: vec![State::Canceled, State::Queued, State::Failed],
            ..JobFilter::default()
        })
        .await,
        7
    );
}

pub async fn every_change_increments_the_version(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    let mut last = job.version;
    let mut assert_incremented = async |what: &str| {
        let version = store.get(&Scope::Service, job.id).await.unwrap().version;
        assert!(version > last, "{what}");
        last = version;
    };
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    assert_incremented("claim").await;
    store
        .heartbeat(&lease, Some(Stage::Scoring), 1, 9, LONG_MS)
        .await
        .unwrap();
    assert_incremented("heartbeat").await;
    store
        .record(
            &lease,
            NewEvent::Stage {
                stage: Stage::Searching,
            },
        )
        .await
        .unwrap();
    assert_incremented("event").await;
    store.request_cancel(&Scope::Service, job.id).await.unwrap();
    assert_incremented("cancel").await;
    store
        .finish(&lease, Outcome::Failed(failure(Code::Canceled)))
        .await
        .unwrap();
    assert_incremented("finish").await;
}

pub async fn a_manifest_exists_only_after_the_job_has_succeeded(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    assert_eq!(store.manifest(&Scope::Service, job.id).await.unwrap(), None);
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    assert_eq!(store.manifest(&Scope::Service, job.id).await.unwrap(), None);
    let ended = store.finish(&lease, succeeded()).await.unwrap();
    assert_eq!(ended.report, Some(report()));
    assert_eq!(
        store.manifest(&Scope::Service, job.id).await.unwrap(),
        Some(manifest())
    );
}

pub async fn only_ended_jobs_can_be_deleted(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    assert!(matches!(
        store.delete(&Scope::Service, job.id).await,
        Err(StoreError::Conflict {
            state: State::Queued,
            ..
        })
    ));
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    assert!(matches!(
        store.delete(&Scope::Service, job.id).await,
        Err(StoreError::Conflict {
            state: State::Running,
            ..
        })
    ));
    store.finish(&lease, succeeded()).await.unwrap();
    assert_eq!(
        store.delete(&Scope::Service, job.id).await.unwrap(),
        Some(manifest())
    );
    assert!(matches!(
        store.get(&Scope::Service, job.id).await,
        Err(StoreError::NotFound(_))
    ));
    assert!(matches!(
        store.events(&Scope::Service, job.id, 0, 10).await,
        Err(StoreError::NotFound(_))
    ));
    assert!(matches!(
        store.delete(&Scope::Service, job.id).await,
        Err(StoreError::NotFound(_))
    ));
}

pub async fn events_are_paginated_in_order(store: Store) {
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
    let page = store.events(&Scope::Service, job.id, 3, 2).await.unwrap();
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
    assert!(
        store
            .events(&Scope::Service, job.id, 7, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn the_queue_depth_counts_queued_and_running_jobs(store: Store) {
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
