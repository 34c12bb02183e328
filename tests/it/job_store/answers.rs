//! Tests of calls whose response is lost: each call returns in time, and a retry has the documented effect.

use optin::job::audit::Deed;
use optin::job::event::NewEvent;
use optin::job::key::{FreshKey, KeyScope, NewKey, ShownKey};
use optin::job::queue::{Crew, Quota};
use optin::job::store::audit::AuditLog;
use optin::job::store::bounded::Call;
use optin::job::store::keys::KeyStore;
use optin::job::store::postgres::PostgresStore;
use optin::job::store::retention::Expiry;
use optin::job::store::webhooks::{Busy, WebhookStore};
use optin::job::store::{IdempotencyKey, JobStore, Outcome, StoreError};
use optin::job::webhook::{DeliveryId, NewWebhook, Topic, Tried, WebhookId};
use optin::job::{Device, JobId, Lease, Scope, TenantId};
use optin::prune::failure::Code;
use std::time::{Duration, Instant};
use strum::VariantArray;

use super::behaviours::succeeded;
use crate::fixture::injection_points::Protocol;
use crate::fixture::job::{claimer, created, failure, new_job};
use crate::fixture::postgres::{database, store};
use crate::fixture::proxy::{Fault, Proxy};

/// Timeout of a call.
const LIMIT: Duration = Duration::from_millis(900);

/// One object of each kind, which the calls change.
struct Objects {
    job: JobId,
    waiting: JobId,
    ended: JobId,
    lease: Lease,
    key: ShownKey,
    webhook: WebhookId,
    delivery: DeliveryId,
}

impl Objects {
    async fn new(store: &PostgresStore) -> Self {
        let all = Scope::Service;
        let webhook = NewWebhook {
            tenant: TenantId::only(),
            url: "https://example.com".into(),
            secret: "whsec_".into(),
            events: vec![Topic::Succeeded],
        };
        let webhook = store.add_webhook(webhook).await.unwrap().id;
        let delivery = store.test_webhook(&all, webhook).await.unwrap().id;
        let fresh = FreshKey::draw(store.clock().await.unwrap());
        store.create_key(new_key(), &fresh).await.unwrap();
        let ended = created(store, new_job("a")).await.id;
        let claimed = store.claim(&claimer("w0", 60_000)).await.unwrap().unwrap();
        store.finish(&claimed.1, succeeded()).await.unwrap();
        let waiting = created(store, new_job("a")).await.id;
        let claimed = store.claim(&claimer("w1", 60_000)).await.unwrap().unwrap();
        let outage = Outcome::Failed(failure(Code::SourceUnavailable));
        store.finish(&claimed.1, outage).await.unwrap();
        created(store, new_job("a")).await;
        let lease = store
            .claim(&claimer("w2", 60_000))
            .await
            .unwrap()
            .unwrap()
            .1;
        let job = created(store, new_job("a")).await.id;
        Self {
            job,
            waiting,
            ended,
            lease,
            key: fresh.reveal().parse().unwrap(),
            webhook,
            delivery,
        }
    }
}

fn new_key() -> NewKey {
    NewKey {
        tenant: TenantId::only(),
        name: "laptop".into(),
        scope: KeyScope::Write,
        lifetime_ms: None,
    }
}

/// Makes a call that writes, with arguments that change something. A second call has the same arguments.
async fn make(
    store: &PostgresStore,
    call: Call,
    objects: &Objects,
    fresh: &FreshKey,
) -> Result<(), StoreError> {
    let all = Scope::Service;
    match call {
        Call::Create => {
            let key = IdempotencyKey {
                key: "one".into(),
                body_sha256: "00".into(),
            };
            let created = store.create(new_job("b"), Some(key), Quota::default());
            created.await.map(drop)
        }
        Call::RequestCancel => store.request_cancel(&all, objects.job).await.map(drop),
        Call::Delete => store.delete(&all, objects.ended).await.map(drop),
        Call::Claim => store.claim(&claimer("w3", 60_000)).await.map(drop),
        Call::Claimed => store.claimed(&claimer("w2", 60_000)).await.map(drop),
        Call::NoteCrew => {
            let crew = Crew {
                name: "process".into(),
                device: Device::Cpu,
                workers: 2,
            };
            store.note_crew(&crew).await
        }
        Call::ToLookFor => store.to_look_for(Device::Cpu, 10, 1).await.map(drop),
        Call::Resume => store.resume(objects.waiting).await,
        Call::Heartbeat => store
            .heartbeat(&objects.lease, None, 0, 0, 60_000)
            .await
            .map(drop),
        Call::Record => store.record(&objects.lease, NewEvent::Queued).await,
        Call::Finish => store.finish(&objects.lease, succeeded()).await.map(drop),
        Call::Sweep => store.sweep().await.map(drop),
        Call::CreateKey => store.create_key(new_key(), fresh).await.map(drop),
        Call::RevokeKey => store.revoke_key(&all, objects.key.id).await.map(drop),
        Call::NoteUse => store.note_use(objects.key.id).await,
        Call::RecordDeed => store.record_deed(deed()).await,
        Call::ForgetDeeds => store.forget_deeds(0).await.map(drop),
        Call::NoteFilesRemoved => store.note_files_removed(objects.ended).await,
        Call::AddWebhook => {
            let new = NewWebhook {
                tenant: TenantId::only(),
                url: "https://example.com/b".into(),
                secret: "whsec_".into(),
                events: vec![Topic::Failed],
            };
            store.add_webhook(new).await.map(drop)
        }
        Call::SecretKeyId => store.secret_key_id("key").await.map(drop),
        Call::ReplaceSecret => store.replace_secret(objects.webhook, "whsec_", "new").await,
        Call::EnableWebhook => store
            .enable_webhook(&all, objects.webhook, false)
            .await
            .map(drop),
        Call::RemoveWebhook => store.remove_webhook(&all, objects.webhook).await,
        Call::TestWebhook => store.test_webhook(&all, objects.webhook).await.map(drop),
        Call::Redeliver => {
            let redelivered = store.redeliver(&all, objects.webhook, objects.delivery);
            redelivered.await.map(drop)
        }
        Call::DueDeliveries => store
            .due_deliveries(10, 60_000, &Busy::default())
            .await
            .map(drop),
        Call::SettleDelivery => {
            let tried = Tried::Delivered(200);
            store.settle_delivery(objects.delivery, tried, 0.5).await
        }
        Call::SweepDeliveries => store.sweep_deliveries(0).await.map(drop),
        Call::Get
        | Call::List
        | Call::Counts
        | Call::AtWork
        | Call::Position
        | Call::Manifest
        | Call::Events
        | Call::HasClaimable
        | Call::Depth
        | Call::Clock
        | Call::Ping
        | Call::Key
        | Call::ListKeys
        | Call::Deeds
        | Call::WithOldFiles
        | Call::EndedLongAgo
        | Call::Webhooks
        | Call::Webhook
        | Call::Deliveries => unreachable!("{} only reads", call.as_str()),
    }
}

fn deed() -> Deed {
    Deed {
        tenant: TenantId::only(),
        key: None,
        method: "POST".into(),
        route: "/v1/jobs".into(),
        subject: None,
        status: 202,
        request_id: "r".into(),
    }
}

/// Whether a retry returns an error if the first call took effect.
fn retry_is_rejected(call: Call) -> bool {
    // The object has already been removed, or already exists.
    matches!(call, Call::Delete | Call::RemoveWebhook | Call::CreateKey)
}

/// Injects a fault into each call that writes.
async fn each_call(fault: Fault) {
    let takes_effect = matches!(fault, Fault::CutAfter | Fault::StallAfter);
    for call in Call::VARIANTS.iter().copied().filter(|call| call.writes()) {
        let url = database().await;
        let direct = store(&url).await;
        let objects = Objects::new(&direct).await;
        let fresh = FreshKey::draw(direct.clock().await.unwrap());
        let server = url
            .split('@')
            .nth(1)
            .unwrap()
            .split('/')
            .next()
            .unwrap()
            .to_owned();
        let proxy = Proxy::start(server, Protocol::Postgres);
        let proxied = PostgresStore::open(&proxy.url(&url), 4)
            .await
            .unwrap()
            .within(LIMIT);
        proxy.arm(0, fault);
        let start = Instant::now();
        let response = make(&proxied, call, &objects, &fresh).await;
        assert!(
            proxy.has_injected(),
            "{call:?} has not reached an injection point"
        );
        assert!(
            matches!(response, Err(StoreError::Unanswered(_))),
            "{call:?}: {response:?}"
        );
        assert!(
            start.elapsed() < 3 * LIMIT,
            "{call:?} took {:?}",
            start.elapsed()
        );
        let retried = make(&proxied, call, &objects, &fresh).await;
        match takes_effect && retry_is_rejected(call) {
            true => assert!(retried.is_err_and(|error| !error.is_outage()), "{call:?}"),
            false => retried.unwrap_or_else(|error| panic!("retry of {call:?}: {error}")),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_whose_response_is_lost_return_in_time_and_can_be_retried() {
    let faults = [
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::StallBefore,
        Fault::StallAfter,
    ];
    futures::future::join_all(faults.map(each_call)).await;
}
