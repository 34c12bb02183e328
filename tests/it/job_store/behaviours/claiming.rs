//! Behaviors of claims, leases and heartbeats.

use optin::job::event::NewEvent;
use optin::job::queue::Claimer;
use optin::job::store::StoreError;
use optin::job::{Scope, State};
use optin::prune::stage::Stage;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::{LONG_MS, SHORT_MS, Store, past, succeeded, types};
use crate::fixture::job::{claimed, claimer, created, new_job};

pub async fn claims_return_each_job_once_and_the_oldest_first(store: Store) {
    let first = created(store.as_ref(), new_job("a")).await;
    let second = created(store.as_ref(), new_job("a")).await;
    let (job, lease) = claimed(store.as_ref(), LONG_MS).await;
    assert_eq!(
        (job.id, job.state, job.attempt, lease.attempt),
        (first.id, State::Running, 1, 1)
    );
    assert!(job.started_at.is_some());
    assert_eq!(claimed(store.as_ref(), LONG_MS).await.0.id, second.id);
    assert!(store.claim(&claimer("w", LONG_MS)).await.unwrap().is_none());
    assert_eq!(types(&store, first.id).await, ["queued", "started"]);
}

pub async fn concurrent_workers_claim_every_job_exactly_once(store: Store) {
    let mut expected = HashSet::new();
    for _ in 0..5_000 {
        expected.insert(created(store.as_ref(), new_job("a")).await.id);
    }
    let claimers = (0..8).map(|index| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut claimed_ids = Vec::new();
            while let Some((job, lease)) = store
                .claim(&claimer(&format!("w{index}"), LONG_MS))
                .await
                .unwrap()
            {
                claimed_ids.push(job.id);
                store.finish(&lease, succeeded()).await.unwrap();
            }
            claimed_ids
        })
    });
    let mut claimed_ids = Vec::new();
    for claimer in claimers.collect::<Vec<_>>() {
        claimed_ids.extend(claimer.await.unwrap());
    }
    assert_eq!(claimed_ids.len(), 5_000);
    assert_eq!(claimed_ids.into_iter().collect::<HashSet<_>>(), expected);
}

pub async fn an_expired_lease_is_reclaimed_and_its_former_holder_is_fenced(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    let (_, old) = claimed(store.as_ref(), SHORT_MS).await;
    assert!(
        store
            .claim(&claimer("other", LONG_MS))
            .await
            .unwrap()
            .is_none(),
        "the lease is still valid"
    );
    past(SHORT_MS).await;
    let (reclaimed, new) = store
        .claim(&claimer("second", LONG_MS))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((reclaimed.id, new.attempt), (job.id, 2));
    let lost = |outcome: Result<(), StoreError>| {
        assert!(matches!(outcome, Err(StoreError::LeaseLost(id)) if id == job.id));
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
    assert_eq!(store.manifest(&Scope::Service, job.id).await.unwrap(), None);
    let ended = store.finish(&new, succeeded()).await.unwrap();
    assert_eq!(ended.state, State::Succeeded);
    lost(store.finish(&old, succeeded()).await.map(|_| ()));
    // The current holder may repeat its outcome.
    assert_eq!(store.finish(&new, succeeded()).await.unwrap(), ended);
    assert_eq!(
        types(&store, job.id).await,
        ["queued", "started", "requeued", "started", "succeeded"]
    );
}

pub async fn a_heartbeat_renews_the_lease_and_stores_progress(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    let (_, lease) = claimed(store.as_ref(), 150).await;
    for done in 0..4 {
        tokio::time::sleep(Duration::from_millis(80)).await;
        store
            .heartbeat(&lease, Some(Stage::Scoring), done, 9, 150)
            .await
            .unwrap();
    }
    assert!(
        store
            .claim(&claimer("other", LONG_MS))
            .await
            .unwrap()
            .is_none()
    );
    let seen = store.get(&Scope::Service, job.id).await.unwrap();
    assert_eq!(
        (seen.stage, seen.progress.done, seen.progress.total),
        (Some(Stage::Scoring), 3, 9)
    );
    assert!(seen.progress.since.unwrap() <= seen.created_at + 60_000);
}

pub async fn a_claim_whose_response_was_lost_is_recovered_by_the_same_worker(store: Store) {
    let claimer = claimer("w", SHORT_MS);
    assert!(store.claimed(&claimer).await.unwrap().is_none());
    created(store.as_ref(), new_job("a")).await;
    let (job, lease) = store.claim(&claimer).await.unwrap().unwrap();
    past(SHORT_MS).await;
    let (again, recovered) = store.claimed(&claimer).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempt, &recovered), (job.id, 1, &lease));
    // The lease was renewed, so no other worker gets the job.
    let other = Claimer {
        worker: "other".into(),
        ..claimer.clone()
    };
    assert!(store.claim(&other).await.unwrap().is_none());
    assert!(store.claimed(&other).await.unwrap().is_none());
    store.finish(&lease, succeeded()).await.unwrap();
    assert!(store.claimed(&claimer).await.unwrap().is_none());
}
