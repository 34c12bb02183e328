//! Jobs end, each in one way.

use optin::job::store::{JobFilter, Outcome, StoreError};
use optin::job::{Scope, State};
use optin::prune::failure::Code;

use super::{LONG_MS, SHORT_MS, Store, past, succeeded, types};
use crate::fixture::job::{claimed, claimer, created, failure, new_job};

/// A worker that did not hear the answer writes the end again; what was published stays published.
pub async fn an_end_that_is_written_twice_is_one_end(store: Store) {
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
    // Another end is refused, as ever.
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
    // Once somebody else has taken the job up, the first worker's word is worth nothing.
    claimed(store.as_ref(), LONG_MS).await;
    let late = store.finish(&lease, Outcome::Interrupted).await;
    assert!(matches!(late, Err(StoreError::LeaseLost(_))));
}

pub async fn cancel_ends_a_queued_job_and_asks_a_running_one(store: Store) {
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
    let asked = store
        .request_cancel(&Scope::Service, running.id)
        .await
        .unwrap();
    assert_eq!(
        (asked.state, asked.cancel_requested),
        (State::Canceling, true)
    );
    assert_eq!(
        store
            .request_cancel(&Scope::Service, running.id)
            .await
            .unwrap()
            .version,
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

pub async fn a_result_that_was_ready_before_the_cancel_request_counts(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    let (_, lease) = claimed(store.as_ref(), LONG_MS).await;
    store.request_cancel(&Scope::Service, job.id).await.unwrap();
    assert_eq!(
        store.finish(&lease, succeeded()).await.unwrap().state,
        State::Succeeded
    );
}

pub async fn what_would_be_tried_again_is_canceled_when_asked_to_stop(store: Store) {
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
    // What would fail again has failed, whoever asked for what meanwhile.
    let failed = (State::Failed, Some(Code::InvalidData));
    assert_eq!(ended(Code::InvalidData, 3).await, failed);
}

pub async fn a_canceled_job_of_a_dead_worker_ends(store: Store) {
    let job = created(store.as_ref(), new_job("a")).await;
    claimed(store.as_ref(), SHORT_MS).await;
    store.request_cancel(&Scope::Service, job.id).await.unwrap();
    assert_eq!(store.sweep().await.unwrap(), 0, "its worker may be alive");
    past(SHORT_MS).await;
    assert_eq!(store.sweep().await.unwrap(), 1);
    assert_eq!(
        store.get(&Scope::Service, job.id).await.unwrap().state,
        State::Canceled
    );
    assert_eq!(store.sweep().await.unwrap(), 0);
}

pub async fn a_deadline_ends_a_waiting_job_and_tells_a_running_one(store: Store) {
    // Long enough to be claimed on a busy machine.
    const RUNNING_MS: i64 = 2_000;
    let hurried = |ms| optin::job::NewJob {
        deadline_ms: Some(ms),
        ..new_job("a")
    };
    let waiting = created(store.as_ref(), hurried(SHORT_MS)).await;
    past(SHORT_MS).await;
    assert!(store.claim(&claimer("w", LONG_MS)).await.unwrap().is_none());
    let ended = store.get(&Scope::Service, waiting.id).await.unwrap();
    assert_eq!(
        (ended.state, ended.failure.unwrap().code),
        (State::Expired, Code::DeadlineExceeded)
    );
    let running = created(store.as_ref(), hurried(RUNNING_MS)).await;
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
        store.claim(&claimer("w", LONG_MS)).await.unwrap().is_none(),
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
    assert!(store.claim(&claimer("w", LONG_MS)).await.unwrap().is_none());
    let ended = store.get(&Scope::Service, job.id).await.unwrap();
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
        .list(&Scope::Service, &JobFilter::default(), None, 100)
        .await
        .unwrap()
        .0
    {
        assert_eq!(types(&store, job.id).await, ["queued", "expired"]);
    }
}
