//! Behaviors of jobs that wait for the end of an outage.

use optin::job::store::Outcome;
use optin::job::waiting::Waiting;
use optin::job::{Device, Job, NewJob, Scope, State};
use optin::prune::failure::{Code, Failure};
use std::time::Duration;

use super::{LONG_MS, SHORT_MS, Store, past, succeeded, types};
use crate::fixture::job::{claimed, claimer, created, failure, new_job};

/// Creates a job with a maximum of one attempt, whose first attempt met an outage.
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

/// Waits until a poll is due, because the first poll is two seconds after the outage.
async fn due_polls(store: &Store, hold_ms: i64) -> Vec<Job> {
    loop {
        let due = store.to_look_for(Device::Cpu, 10, hold_ms).await.unwrap();
        if !due.is_empty() {
            return due;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub async fn an_outage_does_not_count_as_an_attempt_and_holds_the_job(store: Store) {
    let outage = failure(Code::StorageUnavailable);
    let job = waiting(&store, outage.clone()).await;
    assert_eq!((job.state, &job.failure), (State::Queued, &None));
    let first = job.waiting.unwrap();
    assert_eq!(
        (&first.failure, first.times, first.back_at),
        (&outage, 1, None)
    );
    let known = store.get(&Scope::Service, job.id).await.unwrap();
    assert_eq!(known.waiting.as_ref(), Some(&first));
    let claimer = claimer("w", LONG_MS);
    assert!(!store.has_claimable(&claimer).await.unwrap());
    assert!(store.claim(&claimer).await.unwrap().is_none());
    store.resume(job.id).await.unwrap();
    let known = store.get(&Scope::Service, job.id).await.unwrap();
    assert!(known.waiting.unwrap().back_at.is_some() && known.version > job.version);
    assert!(store.has_claimable(&claimer).await.unwrap());
    // The dependency is unavailable again. The job waits longer, and still has its one attempt.
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    assert_eq!(lease.attempt, 2);
    let job = store
        .finish(&lease, Outcome::Failed(outage.clone()))
        .await
        .unwrap();
    let again = job.waiting.unwrap();
    assert_eq!((again.times, again.since), (2, first.since));
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
    // Resuming an ended job changes nothing.
    store.resume(job.id).await.unwrap();
    let late = store.get(&Scope::Service, job.id).await.unwrap();
    assert_eq!((late.state, late.version), (State::Succeeded, job.version));
}

pub async fn only_one_process_polls_for_a_waiting_job(store: Store) {
    let job = waiting(&store, failure(Code::SourceUnavailable)).await;
    let with_pause = failure(Code::SourceUnavailable).again_after(Some(Duration::from_secs(60)));
    let with_long_pause = waiting(&store, with_pause).await;
    let pause = |job: &Job| {
        let waiting = job.waiting.as_ref().unwrap();
        waiting.look_at - waiting.since
    };
    assert_eq!((pause(&job), pause(&with_long_pause)), (2_000, 60_000));
    assert!(
        store
            .to_look_for(Device::Cpu, 10, SHORT_MS)
            .await
            .unwrap()
            .is_empty(),
        "the first poll is not due at once"
    );
    let due = due_polls(&store, SHORT_MS).await;
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
    assert!(resumed.is_empty(), "a resumed job must not be polled for");
}

pub async fn a_waiting_job_can_be_canceled_and_can_expire(store: Store) {
    let job = waiting(&store, failure(Code::SourceUnavailable)).await;
    let canceled = store.request_cancel(&Scope::Service, job.id).await.unwrap();
    assert_eq!((canceled.state, canceled.waiting), (State::Canceled, None));
    let with_deadline = NewJob {
        deadline_ms: Some(SHORT_MS),
        ..new_job("a")
    };
    let job = created(store.as_ref(), with_deadline).await;
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    let outage = Outcome::Failed(failure(Code::SourceUnavailable));
    store.finish(&lease, outage).await.unwrap();
    past(SHORT_MS).await;
    assert_eq!(store.sweep().await.unwrap(), 1);
    let ended = store.get(&Scope::Service, job.id).await.unwrap();
    assert_eq!(ended.state, State::Expired);
}

/// Pauses double, up to five minutes, unless the dependency requests a longer pause. An outage long after
/// the last one starts a new series.
#[test]
fn pauses_double_up_to_a_limit_and_start_again_in_a_new_series() {
    let outage = failure(Code::SourceUnavailable);
    let mut last: Option<Waiting> = None;
    let mut pauses = Vec::new();
    let mut now = 1_000_000;
    for _ in 0..10 {
        let next = Waiting::after(last.as_ref(), outage.clone(), now);
        pauses.push((next.look_at - now) / 1_000);
        assert_eq!(next.since, 1_000_000);
        now = next.look_at + 1;
        last = Some(next);
    }
    assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    let later = Waiting::after(last.as_ref(), outage, now + 3_600_000);
    assert_eq!((later.times, later.since), (1, now + 3_600_000));
}
