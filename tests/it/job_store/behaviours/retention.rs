//! Behaviors of retention: only ended jobs and their files are listed by age, never active ones.

use optin::job::Scope;

use super::{LONG_MS, SHORT_MS, Store, past, succeeded};
use crate::fixture::job::{claimed, created, new_job};

pub async fn old_files_are_listed_only_for_ended_jobs_with_files(store: Store) {
    let (_, lease) = {
        created(store.as_ref(), new_job("a")).await;
        claimed(store.as_ref(), LONG_MS).await
    };
    let running = created(store.as_ref(), new_job("b")).await.id;
    let canceled = created(store.as_ref(), new_job("c")).await.id;
    store.finish(&lease, succeeded()).await.unwrap();
    store
        .request_cancel(&Scope::Service, canceled)
        .await
        .unwrap();
    assert_eq!(claimed(store.as_ref(), LONG_MS).await.0.id, running);
    assert!(store.with_old_files(LONG_MS, 10).await.unwrap().is_empty());
    past(SHORT_MS).await;
    let old = async || store.with_old_files(SHORT_MS, 10).await.unwrap();
    assert_eq!(
        old().await,
        [lease.job],
        "a job without files must not be listed"
    );
    let before = store.get(&Scope::Service, lease.job).await.unwrap();
    assert_eq!(before.artifacts_removed_at, None);
    store.note_files_removed(lease.job).await.unwrap();
    let after = store.get(&Scope::Service, lease.job).await.unwrap();
    assert!(after.artifacts_removed_at.is_some() && after.version == before.version + 1);
    store.note_files_removed(lease.job).await.unwrap();
    assert_eq!(
        store.get(&Scope::Service, lease.job).await.unwrap(),
        after,
        "a second call changes nothing"
    );
    assert!(old().await.is_empty());
}

pub async fn old_jobs_are_listed_only_if_they_have_ended(store: Store) {
    let queued = created(store.as_ref(), new_job("a")).await.id;
    let mut ended = Vec::new();
    for _ in 0..3 {
        let id = created(store.as_ref(), new_job("b")).await.id;
        store.request_cancel(&Scope::Service, id).await.unwrap();
        ended.push(id);
        past(1).await;
    }
    assert!(store.ended_long_ago(LONG_MS, 10).await.unwrap().is_empty());
    past(SHORT_MS).await;
    assert_eq!(
        store.ended_long_ago(SHORT_MS, 2).await.unwrap(),
        ended[..2],
        "the oldest jobs must come first"
    );
    let all = store.ended_long_ago(SHORT_MS, 10).await.unwrap();
    assert!(all == ended && !all.contains(&queued));
}
