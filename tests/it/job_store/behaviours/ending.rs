//! Behaviors of the end of attempts and jobs. Each job ends once.

use optin::job::store::{JobFilter, Outcome, StoreError};
use optin::job::{Scope, State};
use optin::prune::failure::Code;

use super::{LONG_MS, SHORT_MS, Store, past, succeeded, types};
use crate::fixture::job::{claimed, claimer, created, failure, new_job};

/// A worker that did not receive the response repeats the call. A published result stays published.
pub async fn finishing_an_attempt_twice_has_one_effect(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    let first = store.finish(&lease, succeeded()).await.unwrap();
    let second = store.finish(&lease, succeeded()).await.unwrap();
    assert_eq!(second, first);
    assert_eq!(
        types(&store, job.id)
            .await
            .iter()
            .filter(|name| *name == "succeeded")
            .count(),
        1
    );
    // Another outcome is rejected.
    let other = store
        .finish(&lease, Outcome::Failed(failure(Code::InvalidData)))
        .await;
    assert!(matches!(other, Err(StoreError::LeaseLost(id)) if id == job.id));

    let job = created(store.as_ref(), new_job("a")).await;
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    let failed = || Outcome::Failed(failure(Code::InvalidData));
    let first = store.finish(&lease, failed()).await.unwrap();
    assert_eq!(store.finish(&lease, failed()).await.unwrap(), first);
    assert_eq!(store.get(&Scope::Service, job.id).await.unwrap(), first);

    created(store.as_ref(), new_job("a")).await;
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    let first = store.finish(&lease, Outcome::Interrupted).await.unwrap();
    assert_eq!(
        store.finish(&lease, Outcome::Interrupted).await.unwrap(),
        first
    );
    assert_eq!(first.state, State::Queued);
    // After another worker has claimed the job, the outcome of the first worker is rejected.
    claimed(store.as_ref(), LONG_MS).await;
    let late = store.finish(&lease, Outcome::Interrupted).await;
    assert!(matches!(late, Err(StoreError::LeaseLost(_))));
}

pub async fn a_cancel_request_ends_a_queued_job_and_notifies_a_running_one(store: Store) {
    let queued = created(store.as_ref(), new_job("a")).await;
    assert_eq!(
        store
            .request_cancel(&Scope::Service, queued.id)
            .await
            .unwrap()
            .state,
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
    let canceling = store
        .request_cancel(&Scope::Service, running.id)
        .await
        .unwrap();
    assert_eq!(
        (canceling.state, canceling.cancel_requested),
        (State::Canceling, true)
    );
    assert_eq!(
        store
            .request_cancel(&Scope::Service, running.id)
            .await
            .unwrap()
            .version,
        canceling.version,
        "a second cancel request changes nothing"
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
        store
            .request_cancel(&Scope::Service, running.id)
            .await
            .unwrap()
            .state,
        State::Canceled
    );
    assert_eq!(
        types(&store, running.id).await,
        ["queued", "started", "cancel_requested", "canceled"]
    );
}

pub async fn a_job_that_finishes_despite_a_cancel_request_succeeds(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    store.request_cancel(&Scope::Service, job.id).await.unwrap();
    assert_eq!(
        store.finish(&lease, succeeded()).await.unwrap().state,
        State::Succeeded
    );
}

pub async fn a_retryable_failure_after_a_cancel_request_cancels_the_job(store: Store) {
    let ended = async |code: Code, max_attempts: i64| {
        let job = optin::job::NewJob {
            max_attempts,
            ..new_job("a")
        };
        let job = created(store.as_ref(), job).await;
        let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
        store.request_cancel(&Scope::Service, job.id).await.unwrap();
        let outcome = Outcome::Failed(failure(code));
        let job = store.finish(&lease, outcome).await.unwrap();
        (job.state, job.failure.map(|failure| failure.code))
    };
    assert_eq!(ended(Code::StorageError, 3).await, (State::Canceled, None));
    assert_eq!(ended(Code::StorageError, 1).await, (State::Canceled, None));
    // A failure that is not retryable fails the job, even after a cancel request.
    let failed = (State::Failed, Some(Code::InvalidData));
    assert_eq!(ended(Code::InvalidData, 3).await, failed);
}

pub async fn the_sweeper_cancels_a_job_whose_worker_died_after_a_cancel_request(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    claimed(store.as_ref(), SHORT_MS).await;
    store.request_cancel(&Scope::Service, job.id).await.unwrap();
    assert_eq!(
        store.sweep().await.unwrap(),
        0,
        "the lease is still valid, so the worker may be alive"
    );
    past(SHORT_MS).await;
    assert_eq!(store.sweep().await.unwrap(), 1);
    assert_eq!(
        store.get(&Scope::Service, job.id).await.unwrap().state,
        State::Canceled
    );
    assert_eq!(store.sweep().await.unwrap(), 0);
}

pub async fn a_deadline_ends_a_queued_job_and_notifies_a_running_one(store: Store) {
    // Long enough to claim the job on a busy machine.
    const RUNNING_MS: i64 = 2_000;
    let with_deadline = |ms| optin::job::NewJob {
        deadline_ms: Some(ms),
        ..new_job("a")
    };
    let queued = created(store.as_ref(), with_deadline(SHORT_MS)).await;
    past(SHORT_MS).await;
    assert!(store.claim(&claimer("w", LONG_MS)).await.unwrap().is_none());
    let ended = store.get(&Scope::Service, queued.id).await.unwrap();
    assert_eq!(
        (ended.state, ended.failure.unwrap().code),
        (State::Expired, Code::DeadlineExceeded)
    );
    let running = created(store.as_ref(), with_deadline(RUNNING_MS)).await;
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    assert!(
        !store
            .heartbeat(&lease, None, 0, 0, LONG_MS)
            .await
            .unwrap()
            .deadline_passed
    );
    past(RUNNING_MS).await;
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
    assert_eq!(
        store.get(&Scope::Service, running.id).await.unwrap().state,
        State::Expired
    );
}

pub async fn only_retryable_failures_are_retried(store: Store) {
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
        store.claim(&claimer("w", LONG_MS)).await.unwrap().is_none(),
        "a retry is not claimable at once"
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

pub async fn a_job_fails_when_its_attempts_are_exhausted(store: Store) {
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
    assert!(store.claim(&claimer("w", LONG_MS)).await.unwrap().is_none());
    let ended = store.get(&Scope::Service, job.id).await.unwrap();
    assert_eq!(
        (ended.state, ended.failure.unwrap().code, ended.attempt),
        (State::Failed, Code::AttemptsExhausted, 2)
    );
}

pub async fn an_interrupted_attempt_requeues_the_job_and_is_not_counted(store: Store) {
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
            "the attempt number, which is the fencing token, increases nevertheless"
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

pub async fn concurrent_sweepers_end_each_job_once(store: Store) {
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
        .list(&Scope::Service, &JobFilter::default(), None, 100)
        .await
        .unwrap()
        .0
    {
        assert_eq!(types(&store, job.id).await, ["queued", "expired"]);
    }
}
