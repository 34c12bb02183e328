//! Behaviors of tenants and the queue: isolation of tenants, priorities, devices, fair scheduling and quotas.

use optin::job::key::{FreshKey, KeyScope, NewKey};
use optin::job::queue::{Claimer, Crew, Position, Quota};
use optin::job::store::{Created, IdempotencyKey, JobFilter, StoreError};
use optin::job::{Device, NewJob, Scope, TenantId};
use std::collections::HashSet;
use std::sync::Arc;

use super::{LONG_MS, SHORT_MS, Store, past, succeeded};
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
    assert_eq!(store.counts(&other, &everything).await.unwrap(), []);
    let own = Scope::Tenant(tenant("a"));
    assert_eq!(store.get(&own, job.id).await.unwrap(), job);
    assert_eq!(
        store.list(&own, &everything, None, 10).await.unwrap().0,
        [job]
    );
}

pub async fn processes_with_workers_and_leases_of_the_tenant_are_listed(store: Store) {
    let own = Scope::Tenant(tenant("a"));
    let (crews, leases) = store.at_work(&own).await.unwrap();
    assert!(crews.is_empty() && leases.is_empty());
    let crew = |name: &str, workers| Crew {
        name: name.into(),
        device: Device::Cpu,
        workers,
    };
    for crew in [crew("second", 3), crew("first", 1), crew("second", 2)] {
        store.note_crew(&crew).await.unwrap();
    }
    let job = created(store.as_ref(), job_of("a")).await;
    let before = store.clock().await.unwrap();
    store.claim(&claimer("w", LONG_MS)).await.unwrap().unwrap();
    let (crews, leases) = store.at_work(&own).await.unwrap();
    let known: Vec<Crew> = crews.iter().map(|seen| seen.crew.clone()).collect();
    assert_eq!(known, [crew("first", 1), crew("second", 2)]);
    assert!(
        crews
            .iter()
            .all(|seen| (seen.seen_at - before).abs() < LONG_MS)
    );
    assert_eq!(leases.len(), 1);
    assert_eq!((leases[0].job, leases[0].worker.as_str()), (job.id, "w"));
    assert!(leases[0].until >= before + LONG_MS);
    let (crews, leases) = store.at_work(&Scope::Tenant(tenant("b"))).await.unwrap();
    assert_eq!((crews.len(), leases.len()), (2, 0));
    store.request_cancel(&own, job.id).await.unwrap();
    let (_, leases) = store.at_work(&Scope::Service).await.unwrap();
    assert_eq!(leases.len(), 1, "a job that is being canceled has a lease");
}

pub async fn the_position_of_a_queued_job_counts_the_jobs_that_start_before_it(store: Store) {
    let first = created(store.as_ref(), job_of("a")).await;
    let second = created(store.as_ref(), job_of("a")).await;
    let urgent = NewJob {
        priority: 5,
        ..job_of("a")
    };
    let urgent = created(store.as_ref(), urgent).await;
    let elsewhere = NewJob {
        device: Device::Cuda,
        ..job_of("a")
    };
    created(store.as_ref(), elsewhere).await;
    created(store.as_ref(), job_of("b")).await;
    let of = async |job| {
        let Position {
            ahead,
            running,
            workers,
        } = store.position(job).await.unwrap();
        (ahead, running, workers)
    };
    assert_eq!(of(&urgent).await, (0, 0, 0));
    assert_eq!(of(&first).await, (1, 0, 0));
    assert_eq!(of(&second).await, (2, 0, 0));
    for (name, device) in [
        ("one", Device::Cpu),
        ("two", Device::Cpu),
        ("gpu", Device::Cuda),
    ] {
        let crew = Crew {
            name: name.into(),
            device,
            workers: 2,
        };
        store.note_crew(&crew).await.unwrap();
    }
    let (claimed, _) = store.claim(&claimer("w", LONG_MS)).await.unwrap().unwrap();
    assert_eq!(claimed.id, urgent.id);
    assert_eq!(of(&second).await, (1, 1, 4));
    assert_eq!(of(&claimed).await, (0, 1, 4));
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
    for (name, count) in [("many", 4), ("few", 2)] {
        for _ in 0..count {
            created(store.as_ref(), job_of(name)).await;
        }
    }
    let order = drain(&store, &claimer("w", LONG_MS)).await;
    assert_eq!(order, ["few", "many", "few", "many", "many", "many"]);
    // The tenant that had the last turn waits, although it had nothing to do in between.
    for name in ["many", "many", "many", "few", "late"] {
        created(store.as_ref(), job_of(name)).await;
    }
    let order = drain(&store, &claimer("w", LONG_MS)).await;
    assert_eq!(order, ["late", "few", "many", "many", "many"]);
}

pub async fn jobs_with_higher_priority_are_claimed_first_within_a_tenant(store: Store) {
    let mut expected = Vec::new();
    for priority in [-5, 0, 7, 0, 100] {
        let job = NewJob {
            priority,
            ..job_of("a")
        };
        expected.push((-priority, created(store.as_ref(), job).await.id));
    }
    expected.sort_unstable();
    for (_, id) in expected {
        let (job, _) = store.claim(&claimer("w", LONG_MS)).await.unwrap().unwrap();
        assert_eq!(job.id, id);
    }
}

pub async fn a_priority_does_not_pass_another_tenant(store: Store) {
    for _ in 0..6 {
        let job = NewJob {
            priority: 100,
            ..job_of("loud")
        };
        created(store.as_ref(), job).await;
    }
    for _ in 0..3 {
        let job = NewJob {
            priority: -100,
            ..job_of("quiet")
        };
        created(store.as_ref(), job).await;
    }
    let order = drain(&store, &claimer("w", LONG_MS)).await;
    let turns = ["loud", "quiet", "loud", "quiet", "loud", "quiet"];
    assert_eq!(order[..6], turns);
    assert_eq!(order[6..], ["loud"; 3]);
}

/// Claims jobs until there are none, without ending them, and returns their tenants in order.
async fn claim_all(store: &Store, claimer: &Claimer) -> Vec<String> {
    let mut order = Vec::new();
    while let Some((job, _)) = store.claim(claimer).await.unwrap() {
        order.push(job.tenant.to_string());
    }
    order
}

pub async fn the_tenant_with_the_fewest_running_jobs_is_next(store: Store) {
    let soon = claimer("w", SHORT_MS);
    for _ in 0..2 {
        created(store.as_ref(), job_of("early")).await;
    }
    assert_eq!(claim_all(&store, &soon).await, ["early"; 2]);
    for name in ["early", "late", "late", "late"] {
        created(store.as_ref(), job_of(name)).await;
    }
    // Running jobs on another device do not count.
    let cuda = Claimer {
        device: Device::Cuda,
        ..claimer("w", LONG_MS)
    };
    let elsewhere = NewJob {
        device: Device::Cuda,
        ..job_of("late")
    };
    created(store.as_ref(), elsewhere).await;
    assert_eq!(claim_all(&store, &cuda).await, ["late"]);
    let order = claim_all(&store, &claimer("w", LONG_MS)).await;
    assert_eq!(order, ["late", "late", "early", "late"]);
    // Jobs with an expired lease are no longer running: their tenant is the first again, with its oldest job.
    past(SHORT_MS).await;
    created(store.as_ref(), job_of("late")).await;
    let (job, lease) = store.claim(&claimer("w", LONG_MS)).await.unwrap().unwrap();
    assert_eq!((job.tenant.as_str(), lease.attempt), ("early", 2));
}

fn key_of(name: &str, scope: KeyScope) -> NewKey {
    NewKey {
        tenant: tenant(name),
        name: "key".into(),
        scope,
        lifetime_ms: None,
    }
}

pub async fn one_worker_stays_for_other_tenants_by_default(store: Store) {
    let claimer = claimer("w", LONG_MS);
    for _ in 0..6 {
        created(store.as_ref(), job_of("a")).await;
    }
    for (name, device, workers) in [
        ("x", Device::Cpu, 2),
        ("y", Device::Cpu, 1),
        ("z", Device::Cuda, 9),
    ] {
        let crew = Crew {
            name: name.into(),
            device,
            workers,
        };
        // A process notes itself again and again.
        store.note_crew(&crew).await.unwrap();
        store.note_crew(&crew).await.unwrap();
    }
    let mut keys = Vec::new();
    for (name, scope) in [
        ("a", KeyScope::Write),
        ("b", KeyScope::Write),
        ("c", KeyScope::Read),
    ] {
        let fresh = FreshKey::draw(store.clock().await.unwrap());
        keys.push(store.create_key(key_of(name, scope), &fresh).await.unwrap());
    }
    assert_eq!(claim_all(&store, &claimer).await, ["a"; 2], "3 workers");
    assert!(!store.has_claimable(&claimer).await.unwrap());
    created(store.as_ref(), job_of("b")).await;
    assert!(store.has_claimable(&claimer).await.unwrap());
    assert_eq!(claim_all(&store, &claimer).await, ["b"]);
    // A number replaces the default.
    let limited = Claimer {
        quota: Quota {
            max_running: Some(3),
            ..Quota::default()
        },
        ..claimer.clone()
    };
    assert_eq!(claim_all(&store, &limited).await, ["a"]);
    // With one tenant that can create jobs, all workers run its jobs.
    store.revoke_key(&Scope::Service, keys[1].id).await.unwrap();
    assert_eq!(claim_all(&store, &claimer).await, ["a"; 3]);
}

pub async fn a_single_worker_runs_jobs_of_any_tenant(store: Store) {
    let crew = Crew {
        name: "only".into(),
        device: Device::Cpu,
        workers: 1,
    };
    store.note_crew(&crew).await.unwrap();
    for name in ["a", "b"] {
        let fresh = FreshKey::draw(store.clock().await.unwrap());
        let key = key_of(name, KeyScope::Admin);
        store.create_key(key, &fresh).await.unwrap();
        created(store.as_ref(), job_of(name)).await;
    }
    assert_eq!(drain(&store, &claimer("w", LONG_MS)).await, ["a", "b"]);
}

pub async fn every_tenant_gets_a_turn_before_any_gets_two(store: Store) {
    const TENANTS: usize = 40;
    for index in 0..TENANTS {
        for _ in 0..=index {
            let job = NewJob {
                priority: index as i64,
                ..job_of(&format!("t{index}"))
            };
            created(store.as_ref(), job).await;
        }
    }
    // 820 jobs, for workers that claim at the same time.
    let claims = (0..TENANTS).map(|index| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let claimer = claimer(&format!("w{index}"), LONG_MS);
            let (job, _) = store.claim(&claimer).await.unwrap().unwrap();
            job.tenant.to_string()
        })
    });
    let mut served = HashSet::new();
    for claim in claims.collect::<Vec<_>>() {
        served.insert(claim.await.unwrap());
    }
    assert_eq!(served.len(), TENANTS);
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
        max_running: Some(1),
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
