//! Jobs that wait for the end of an outage.

use optin::job::store::Outcome;
use optin::job::waiting::Waiting;
use optin::job::{Device, Job, NewJob, Scope, State};
use optin::prune::failure::{Code, Failure};
use std::time::Duration;

use super::{LONG_MS, SHORT_MS, Store, past, succeeded, types};
use crate::fixture::job::{claimed, claimer, created, failure, new_job};

/// A job with a single attempt that met an outage.
async fn waiting(store: &Store, failure: Failure) -> Job {
    let single = NewJob {
        max_attempts: 1,
        ..new_job("a")
    };
    created(store.as_ref(), single).await;
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    let outcome = Outcome::Failed(failure);
    store.finish(&lease, outcome).await.unwrap()
}

/// Looks until something is due: the first look is a moment after the outage.
async fn looked_for(store: &Store, hold_ms: i64) -> Vec<Job> {
    loop {
        let due = store.to_look_for(Device::Cpu, 10, hold_ms).await.unwrap();
        if !due.is_empty() {
            return due;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub async fn an_outage_costs_no_attempt_and_the_job_waits_for_its_end(store: Store) {
    let away = failure(Code::StorageUnavailable);
    let job = waiting(&store, away.clone()).await;
    assert_eq!((job.state, &job.failure), (State::Queued, &None));
    let told = job.waiting.unwrap();
    assert_eq!((&told.failure, told.times, told.back_at), (&away, 1, None));
    let known = store.get(&Scope::Service, job.id).await.unwrap();
    assert_eq!(known.waiting.as_ref(), Some(&told));
    let claimer = claimer("w", LONG_MS);
    assert!(!store.has_claimable(&claimer).await.unwrap());
    assert!(store.claim(&claimer).await.unwrap().is_none());
    store.resume(job.id).await.unwrap();
    let known = store.get(&Scope::Service, job.id).await.unwrap();
    assert!(known.waiting.unwrap().back_at.is_some() && known.version > job.version);
    assert!(store.has_claimable(&claimer).await.unwrap());
    // The place is away again: the job waits longer, and still has its one attempt.
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    assert_eq!(lease.attempt, 2);
    let job = store
        .finish(&lease, Outcome::Failed(away.clone()))
        .await
        .unwrap();
    let again = job.waiting.unwrap();
    assert_eq!((again.times, again.since), (2, told.since));
    assert!(again.look_at - job.created_at >= 4_000, "{again:?}");
    store.resume(job.id).await.unwrap();
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    let job = store.finish(&lease, succeeded()).await.unwrap();
    assert_eq!((job.state, job.waiting), (State::Succeeded, None));
    assert_eq!(
        types(&store, job.id).await,
        [
            "queued",
            "started",
            "requeued",
            "started",
            "requeued",
            "started",
            "succeeded"
        ]
    );
    // Whoever comes late changes nothing.
    store.resume(job.id).await.unwrap();
    let late = store.get(&Scope::Service, job.id).await.unwrap();
    assert_eq!((late.state, late.version), (State::Succeeded, job.version));
}

pub async fn who_looks_for_a_waiting_job_has_it_alone_for_a_while(store: Store) {
    let job = waiting(&store, failure(Code::SourceUnavailable)).await;
    let asked = failure(Code::SourceUnavailable).again_after(Some(Duration::from_secs(60)));
    let patient = waiting(&store, asked).await;
    let pause = |job: &Job| {
        let waiting = job.waiting.as_ref().unwrap();
        waiting.look_at - waiting.since
    };
    assert_eq!((pause(&job), pause(&patient)), (2_000, 60_000));
    assert!(
        store
            .to_look_for(Device::Cpu, 10, SHORT_MS)
            .await
            .unwrap()
            .is_empty(),
        "not at once"
    );
    let due = looked_for(&store, SHORT_MS).await;
    let ids: Vec<_> = due.iter().map(|job| job.id).collect();
    assert_eq!(ids, [job.id]);
    let others = store.to_look_for(Device::Cuda, 10, SHORT_MS).await.unwrap();
    let again = store.to_look_for(Device::Cpu, 10, SHORT_MS).await.unwrap();
    assert!(others.is_empty() && again.is_empty());
    past(SHORT_MS).await;
    let again = store.to_look_for(Device::Cpu, 10, SHORT_MS).await.unwrap();
    assert_eq!(again.len(), 1);
    store.resume(job.id).await.unwrap();
    past(SHORT_MS).await;
    let resumed = store.to_look_for(Device::Cpu, 10, SHORT_MS).await.unwrap();
    assert!(resumed.is_empty(), "nobody looks for what does not wait");
}

pub async fn a_waiting_job_is_canceled_and_expires_like_any_other(store: Store) {
    let job = waiting(&store, failure(Code::SourceUnavailable)).await;
    let canceled = store.request_cancel(&Scope::Service, job.id).await.unwrap();
    assert_eq!((canceled.state, canceled.waiting), (State::Canceled, None));
    let hurried = NewJob {
        deadline_ms: Some(SHORT_MS),
        ..new_job("a")
    };
    let job = created(store.as_ref(), hurried).await;
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    let away = Outcome::Failed(failure(Code::SourceUnavailable));
    store.finish(&lease, away).await.unwrap();
    past(SHORT_MS).await;
    assert_eq!(store.sweep().await.unwrap(), 1);
    let ended = store.get(&Scope::Service, job.id).await.unwrap();
    assert_eq!(ended.state, State::Expired);
}

/// Pauses double, up to five minutes; a place that asks for longer is given longer; an old outage is forgotten.
#[test]
fn pauses_grow_and_a_long_peace_forgets_them() {
    let away = failure(Code::SourceUnavailable);
    let mut last: Option<Waiting> = None;
    let mut pauses = Vec::new();
    let mut now = 1_000_000;
    for _ in 0..10 {
        let next = Waiting::after(last.as_ref(), away.clone(), now);
        pauses.push((next.look_at - now) / 1_000);
        assert_eq!(next.since, 1_000_000);
        now = next.look_at + 1;
        last = Some(next);
    }
    assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    let later = Waiting::after(last.as_ref(), away, now + 3_600_000);
    assert_eq!((later.times, later.since), (1, now + 3_600_000));
}
