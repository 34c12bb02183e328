//! Messages are sent to addresses on the public internet only, unless the operator allows others.

use optin::job::webhook::NewWebhook;
use optin::job::webhook::address::Policy;
use optin::job::{Scope, TenantId};

use super::harness::{Harness, PRIVATE_ALLOWED, sealed};

for_both_stores!(deliveries_to_private_addresses_are_blocked,);

#[test]
fn urls_without_a_public_address_are_rejected() {
    let open = Policy::default();
    for good in [
        "https://example.org/hook",
        "https://8.8.8.8/",
        "https://[2606:4700::1]/x",
    ] {
        open.check(good).unwrap();
    }
    for bad in [
        "http://example.org/",
        "ftp://example.org/",
        "hook",
        "https://user:password@example.org/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0.0.0.0/",
        "https://10.0.0.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://198.18.0.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[fd00::1]/",
        "https://[fe80::1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:db8::1]/",
        "https://[ff02::1]/",
    ] {
        assert!(open.check(bad).is_err(), "{bad}");
    }
    PRIVATE_ALLOWED.check("http://127.0.0.1:1/hook").unwrap();
}

/// A host name and an IP address that lead to the loopback interface are rejected when the connection is made.
async fn deliveries_to_private_addresses_are_blocked(harness: Harness) {
    let port = harness.receiver.url.rsplit(':').next().unwrap().to_owned();
    for url in [
        format!("https://localhost:{port}"),
        format!("https://127.0.0.1:{port}"),
    ] {
        let new = NewWebhook {
            tenant: TenantId::only(),
            secret: sealed(&TenantId::only(), &url),
            url,
            events: Vec::new(),
        };
        let webhook = harness.store.add_webhook(new).await.unwrap();
        harness
            .store
            .test_webhook(&Scope::Service, webhook.id)
            .await
            .unwrap();
        assert_eq!(harness.courier(Policy::default()).round().await.unwrap(), 1);
        let (all, _) = harness
            .store
            .deliveries(&Scope::Service, webhook.id, None, 1)
            .await
            .unwrap();
        let error = all[0].last_error.clone().unwrap();
        assert!(error.contains("address on the public internet"), "{error}");
    }
    assert_eq!(harness.receiver.count(), 0);
}
