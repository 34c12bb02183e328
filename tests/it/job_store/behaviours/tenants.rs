//! Behaviors of tenants and the queue: isolation of tenants, priorities, devices, fair scheduling and quotas.

use optin::job::queue::{Claimer, Quota};
use optin::job::store::{Created, IdempotencyKey, JobFilter, StoreError};
use optin::job::{Device, NewJob, Scope, TenantId};

use super::{LONG_MS, Store, succeeded};
use crate::fixture::job::{claimer, created, new_job};

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn job_of(name: &str) -> NewJob {
    NewJob {
        tenant: tenant(name),
        ..new_job("a")
    }
}

pub async fn jobs_of_other_tenants_are_not_found(store: Store) {
    let job = created(store.as_ref(), job_of("a")).await;
    let other = Scope::Tenant(tenant("b"));
    let missing = |answer: Result<(), StoreError>| {
        assert!(
            matches!(answer, Err(StoreError::NotFound(id)) if id == job.id),
            "{answer:?}"
        );
    };
    missing(store.get(&other, job.id).await.map(drop));
    missing(store.request_cancel(&other, job.id).await.map(drop));
    missing(store.delete(&other, job.id).await.map(drop));
    missing(store.manifest(&other, job.id).await.map(drop));
    missing(store.events(&other, job.id, 0, 10).await.map(drop));
    let everything = JobFilter::default();
    assert!(
        store
            .list(&other, &everything, None, 10)
            .await
            .unwrap()
            .0
            .is_empty()
    );
    let own = Scope::Tenant(tenant("a"));
    assert_eq!(store.get(&own, job.id).await.unwrap(), job);
    assert_eq!(
        store.list(&own, &everything, None, 10).await.unwrap().0,
        [job]
    );
}

pub async fn tenants_have_separate_idempotency_keys(store: Store) {
    let key = IdempotencyKey {
        key: "k".into(),
        body_sha256: "1".into(),
    };
    let mut ids = Vec::new();
    for name in ["a", "b"] {
        match store
            .create(job_of(name), Some(key.clone()), Quota::default())
            .await
            .unwrap()
        {
            Created::New(job) => ids.push(job.id),
            Created::Replayed(job) => panic!("{job:?} belongs to another tenant"),
        }
    }
    assert_ne!(ids[0], ids[1]);
}

/// Claims and finishes all queued jobs, and returns their tenants in order.
async fn drain(store: &Store, claimer: &Claimer) -> Vec<String> {
    let mut order = Vec::new();
    while let Some((job, lease)) = store.claim(claimer).await.unwrap() {
        order.push(job.tenant.to_string());
        store.finish(&lease, succeeded()).await.unwrap();
    }
    order
}

pub async fn tenants_take_turns(store: Store) {
    for _ in 0..4 {
        created(store.as_ref(), job_of("many")).await;
    }
    for _ in 0..2 {
        created(store.as_ref(), job_of("few")).await;
    }
    let order = drain(&store, &claimer("w", LONG_MS)).await;
    assert_eq!(order, ["many", "many", "few", "many", "few", "many"]);
    // A tenant that joins later is ranked relative to the front of the queue. It neither passes the queue nor waits
    // behind all of it.
    for _ in 0..4 {
        created(store.as_ref(), job_of("many")).await;
    }
    for _ in 0..2 {
        let (_, lease) = store.claim(&claimer("w", LONG_MS)).await.unwrap().unwrap();
        store.finish(&lease, succeeded()).await.unwrap();
    }
    created(store.as_ref(), job_of("late")).await;
    let order = drain(&store, &claimer("w", LONG_MS)).await;
    assert_eq!(order, ["many", "many", "late"]);
}

pub async fn jobs_with_higher_priority_are_claimed_first(store: Store) {
    for (name, priority) in [("low", -5), ("usual", 0), ("urgent", 7), ("next", 0)] {
        created(
            store.as_ref(),
            NewJob {
                priority,
                ..job_of(name)
            },
        )
        .await;
    }
    let order = drain(&store, &claimer("w", LONG_MS)).await;
    assert_eq!(order, ["urgent", "usual", "next", "low"]);
}

pub async fn each_device_has_a_separate_queue(store: Store) {
    created(
        store.as_ref(),
        NewJob {
            device: Device::Cuda,
            ..job_of("gpu")
        },
    )
    .await;
    assert!(drain(&store, &claimer("w", LONG_MS)).await.is_empty());
    let cuda = Claimer {
        device: Device::Cuda,
        ..claimer("w", LONG_MS)
    };
    assert_eq!(drain(&store, &cuda).await, ["gpu"]);
}

pub async fn quotas_limit_queued_and_running_jobs(store: Store) {
    let quota = Quota {
        max_queued: 2,
        max_running: 1,
    };
    for _ in 0..2 {
        store.create(job_of("a"), None, quota).await.unwrap();
    }
    let rejected = store.create(job_of("a"), None, quota).await;
    assert!(
        matches!(rejected, Err(StoreError::QuotaExceeded { most: 2 })),
        "{rejected:?}"
    );
    store.create(job_of("b"), None, quota).await.unwrap();
    let claimer = Claimer {
        quota,
        ..claimer("w", LONG_MS)
    };
    let (first, lease) = store.claim(&claimer).await.unwrap().unwrap();
    let (second, _) = store.claim(&claimer).await.unwrap().unwrap();
    assert_ne!(
        first.tenant, second.tenant,
        "only one job of each tenant may run"
    );
    assert!(store.claim(&claimer).await.unwrap().is_none());
    store.finish(&lease, succeeded()).await.unwrap();
    assert_eq!(
        store.claim(&claimer).await.unwrap().unwrap().0.tenant,
        first.tenant
    );
}
