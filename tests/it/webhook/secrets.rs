//! The secrets of webhooks are encrypted in the database.

use optin::job::store::webhooks::WebhookStore;
use optin::job::webhook::NewWebhook;
use optin::job::webhook::sealing::{SealingError, seal_secrets};
use optin::job::webhook::secret::is_sealed;
use optin::job::{Scope, TenantId};

use super::harness::{Harness, PRIVATE_ALLOWED, SECRET, sealed, secret_key};

for_both_stores!(
    secrets_in_clear_are_encrypted_and_stay_usable,
    a_secret_that_cannot_be_opened_is_not_used,
);

async fn secrets_in_clear_are_encrypted_and_stay_usable(harness: Harness) {
    let own = TenantId::only();
    let new = NewWebhook {
        tenant: own.clone(),
        url: harness.receiver.url.clone(),
        secret: SECRET.to_owned(),
        events: Vec::new(),
    };
    let clear = harness.store.add_webhook(new).await.unwrap();
    let store: &dyn WebhookStore = harness.store.as_ref();
    seal_secrets(store, &secret_key(1)).await.unwrap();
    let stored = store.webhook(&Scope::Service, clear.id).await.unwrap();
    assert!(is_sealed(&stored.secret) && !stored.secret.contains(SECRET));
    // A second start changes nothing.
    seal_secrets(store, &secret_key(1)).await.unwrap();
    assert_eq!(
        store.webhook(&Scope::Service, clear.id).await.unwrap(),
        stored
    );
    store.test_webhook(&Scope::Service, clear.id).await.unwrap();
    assert_eq!(harness.courier(PRIVATE_ALLOWED).round().await.unwrap(), 1);
    let received = harness.receiver.received.lock().unwrap().clone();
    let verifier = standardwebhooks::Webhook::new(SECRET).unwrap();
    let (headers, body) = &received[0];
    verifier.verify(body.as_bytes(), headers).unwrap();
    // Another service with another key does not start on this database.
    let other = seal_secrets(store, &secret_key(2)).await.unwrap_err();
    assert!(matches!(other, SealingError::OtherKey), "{other}");
    assert!(other.to_string().contains("--secrets-key"), "{other}");
}

async fn a_secret_that_cannot_be_opened_is_not_used(harness: Harness) {
    let (own, other): (TenantId, TenantId) = (TenantId::only(), "other".parse().unwrap());
    let url = harness.receiver.url.clone();
    for secret in [
        SECRET.to_owned(),
        secret_key(2).seal(&own, &url, SECRET),
        secret_key(1).seal(&other, &url, SECRET),
        secret_key(1).seal(&own, "https://example.org", SECRET),
        sealed(&own, &url).replace("sealed1:", "sealed1:AAAA"),
        "sealed1:AAAA".to_owned(),
    ] {
        let new = NewWebhook {
            tenant: own.clone(),
            url: url.clone(),
            secret,
            events: Vec::new(),
        };
        let webhook = harness.store.add_webhook(new).await.unwrap();
        let test = harness.store.test_webhook(&Scope::Service, webhook.id);
        test.await.unwrap();
        assert_eq!(harness.courier(PRIVATE_ALLOWED).round().await.unwrap(), 1);
        let all = harness
            .store
            .deliveries(&Scope::Service, webhook.id, None, 1);
        let error = all.await.unwrap().0[0].last_error.clone().unwrap();
        assert!(
            error.contains("secret of the webhook cannot be used"),
            "{error}"
        );
    }
    assert_eq!(harness.receiver.count(), 0);
}

#[test]
fn a_sealed_secret_differs_each_time_and_opens_to_the_same_secret() {
    let own = TenantId::only();
    let (first, second) = (sealed(&own, "https://a"), sealed(&own, "https://a"));
    assert_ne!(first, second);
    for sealed in [first, second] {
        let opened = secret_key(1).open(&own, "https://a", &sealed);
        assert_eq!(opened.as_deref(), Some(SECRET));
    }
    assert_ne!(secret_key(1).id(), secret_key(2).id());
}
