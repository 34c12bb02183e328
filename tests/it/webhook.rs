//! Tests of webhooks: signed deliveries, retries, isolation of tenants, and rejection of private addresses.

use optin::job::store::{Outcome, StoreError};
use optin::job::webhook::schedule::settle;
use optin::job::webhook::{DeliveryState, NewWebhook, Topic, Tried};
use optin::job::{Scope, TenantId};
use optin::prune::failure::Code;
use serde_json::Value;
use std::time::Duration;

use self::harness::{Harness, PRIVATE_ALLOWED, SECRET};
use crate::fixture::job::{claimed, created, failure, new_job};

/// Defines each of these tests for both stores.
macro_rules! for_both_stores {
    ($($name:ident,)+) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    super::$name(super::Harness::with_sqlite().await).await;
                }
            )+
        }
        mod postgres_server {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    super::$name(super::Harness::with_postgres().await).await;
                }
            )+
        }
    };
}

for_both_stores!(
    events_of_a_tenant_are_delivered_with_a_verifiable_signature,
    a_rejected_change_creates_no_delivery,
    failed_deliveries_are_retried_and_status_410_disables_the_webhook,
    concurrent_couriers_send_each_delivery_once,
    webhooks_of_other_tenants_are_not_found_and_their_number_is_limited,
);

mod addresses;
mod harness;
mod receivers;
mod secrets;

async fn events_of_a_tenant_are_delivered_with_a_verifiable_signature(harness: Harness) {
    let (own, other) = (TenantId::only(), "other".parse().unwrap());
    let webhook = harness
        .webhook(&own, &[Topic::Started, Topic::Failed])
        .await;
    let unsubscribed = harness.webhook(&own, &[Topic::Succeeded]).await;
    let other_tenant = harness.webhook(&other, &Topic::ENDS).await;
    harness.failed_job(&own).await;
    assert_eq!(harness.states(&webhook).await, [DeliveryState::Pending; 2]);
    assert!(
        harness.states(&unsubscribed).await.is_empty()
            && harness.states(&other_tenant).await.is_empty()
    );
    assert_eq!(harness.courier(PRIVATE_ALLOWED).round().await.unwrap(), 2);
    assert_eq!(
        harness.states(&webhook).await,
        [DeliveryState::Delivered; 2]
    );
    let received = harness.receiver.received.lock().unwrap();
    let verifier = standardwebhooks::Webhook::new(SECRET).unwrap();
    let mut delivered = Vec::new();
    for (headers, body) in received.iter() {
        verifier.verify(body.as_bytes(), headers).unwrap();
        let mut altered = body.clone().into_bytes();
        altered[10] ^= 1;
        assert!(verifier.verify(&altered, headers).is_err());
        let body: Value = serde_json::from_str(body).unwrap();
        assert!(body["data"]["job"].as_str().unwrap().starts_with("job_"));
        delivered.push((body["type"].clone(), body["data"]["code"].clone()));
    }
    delivered.sort_by_key(|(topic, _)| topic.to_string());
    assert_eq!(
        delivered,
        [
            ("job.failed".into(), "invalid_data".into()),
            ("job.started".into(), Value::Null)
        ]
    );
}

async fn a_rejected_change_creates_no_delivery(harness: Harness) {
    let own = TenantId::only();
    let webhook = harness.webhook(&own, &Topic::ENDS).await;
    created(harness.store.as_ref(), new_job("a")).await;
    let (_, stale) = claimed(harness.store.as_ref(), 1).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    let (_, lease) = claimed(harness.store.as_ref(), 60_000).await;
    let outcome = || Outcome::Failed(failure(Code::InvalidData));
    let rejected = harness.store.finish(&stale, outcome()).await;
    assert!(matches!(rejected, Err(StoreError::LeaseLost(_))));
    assert!(harness.states(&webhook).await.is_empty());
    harness.store.finish(&lease, outcome()).await.unwrap();
    assert_eq!(harness.states(&webhook).await.len(), 1);
}

async fn failed_deliveries_are_retried_and_status_410_disables_the_webhook(harness: Harness) {
    let own = TenantId::only();
    let webhook = harness.webhook(&own, &Topic::ENDS).await;
    let service = Scope::Service;
    let courier = harness.courier(PRIVATE_ALLOWED);
    for status in [500, 302, 404] {
        harness.receiver.respond_with(status);
        let test = harness
            .store
            .test_webhook(&service, webhook.id)
            .await
            .unwrap();
        assert_eq!(courier.round().await.unwrap(), 1);
        let (all, _) = harness
            .store
            .deliveries(&service, webhook.id, None, 1)
            .await
            .unwrap();
        assert_eq!((all[0].id, all[0].state), (test.id, DeliveryState::Pending));
        assert_eq!(all[0].last_status, Some(i64::from(status)));
        assert!(all[0].next_at > Some(all[0].created_at + 4_000));
    }
    assert_eq!(
        courier.round().await.unwrap(),
        0,
        "the retry is not due yet"
    );
    harness.receiver.respond_with(200);
    let (all, _) = harness
        .store
        .deliveries(&service, webhook.id, None, 10)
        .await
        .unwrap();
    let redelivered = harness.store.redeliver(&service, webhook.id, all[0].id);
    assert_eq!(redelivered.await.unwrap().attempts, 0);
    assert_eq!(courier.round().await.unwrap(), 1);
    assert_eq!(harness.states(&webhook).await[0], DeliveryState::Delivered);
    harness.receiver.respond_with(410);
    harness
        .store
        .test_webhook(&service, webhook.id)
        .await
        .unwrap();
    courier.round().await.unwrap();
    assert_eq!(harness.states(&webhook).await[0], DeliveryState::Failed);
    assert!(
        !harness
            .store
            .webhook(&service, webhook.id)
            .await
            .unwrap()
            .enabled
    );
    let before = harness.receiver.count();
    harness
        .store
        .test_webhook(&service, webhook.id)
        .await
        .unwrap();
    assert_eq!(courier.round().await.unwrap(), 0, "the webhook is disabled");
    assert_eq!(harness.receiver.count(), before);
}

async fn concurrent_couriers_send_each_delivery_once(harness: Harness) {
    let webhook = harness.webhook(&TenantId::only(), &Topic::ENDS).await;
    for _ in 0..40 {
        harness
            .store
            .test_webhook(&Scope::Service, webhook.id)
            .await
            .unwrap();
    }
    let couriers: Vec<_> = (0..4).map(|_| harness.courier(PRIVATE_ALLOWED)).collect();
    let rounds = couriers
        .iter()
        .map(|courier| async { while courier.round().await.unwrap() > 0 {} });
    futures::future::join_all(rounds).await;
    assert_eq!(
        harness.receiver.count(),
        40,
        "each delivery must be sent exactly once"
    );
}

async fn webhooks_of_other_tenants_are_not_found_and_their_number_is_limited(harness: Harness) {
    let webhook = harness.webhook(&TenantId::only(), &Topic::ENDS).await;
    let other_tenant = Scope::Tenant("stranger".parse().unwrap());
    let test = harness
        .store
        .test_webhook(&Scope::Service, webhook.id)
        .await
        .unwrap();
    let missing =
        |answer: Result<(), StoreError>| assert!(matches!(answer, Err(StoreError::Missing(_))));
    missing(
        harness
            .store
            .webhook(&other_tenant, webhook.id)
            .await
            .map(drop),
    );
    missing(
        harness
            .store
            .enable_webhook(&other_tenant, webhook.id, false)
            .await
            .map(drop),
    );
    missing(
        harness
            .store
            .test_webhook(&other_tenant, webhook.id)
            .await
            .map(drop),
    );
    missing(
        harness
            .store
            .deliveries(&other_tenant, webhook.id, None, 1)
            .await
            .map(drop),
    );
    missing(
        harness
            .store
            .redeliver(&other_tenant, webhook.id, test.id)
            .await
            .map(drop),
    );
    missing(
        harness
            .store
            .remove_webhook(&other_tenant, webhook.id)
            .await,
    );
    assert!(
        harness
            .store
            .webhooks(&other_tenant)
            .await
            .unwrap()
            .is_empty()
    );
    for _ in 1..16 {
        harness.webhook(&TenantId::only(), &[]).await;
    }
    let one_more = NewWebhook {
        tenant: TenantId::only(),
        url: String::new(),
        secret: String::new(),
        events: Vec::new(),
    };
    let rejected = harness.store.add_webhook(one_more).await;
    assert!(matches!(
        rejected,
        Err(StoreError::TooMany { most: 16, .. })
    ));
    harness
        .store
        .remove_webhook(&Scope::Service, webhook.id)
        .await
        .unwrap();
    assert_eq!(
        harness.courier(PRIVATE_ALLOWED).round().await.unwrap(),
        0,
        "its deliveries must be removed too"
    );
}

#[test]
fn a_delivery_fails_after_ten_attempts_over_more_than_three_days() {
    let failed = || Tried::Failed {
        status: Some(500),
        error: "no".into(),
    };
    let mut total = 0;
    let mut attempts = 0;
    loop {
        let settled = settle(attempts, failed(), 0.0);
        attempts = settled.attempts;
        match settled.wait_ms {
            Some(wait) => {
                let most = settle(attempts - 1, failed(), 1.0).wait_ms.unwrap();
                assert!(wait < most && most <= wait * 5 / 4);
                total += wait;
            }
            None => {
                assert_eq!(settled.state, DeliveryState::Failed);
                break;
            }
        }
    }
    assert_eq!(attempts, 10);
    assert!(total > 3 * 24 * 3_600_000);
}
