//! Receivers that hang: they delay their own messages only.

use optin::job::webhook::DeliveryState;
use optin::job::{Scope, TenantId};
use optin::telemetry::pulse::Pulses;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::harness::{Harness, PRIVATE_ALLOWED};

for_both_stores!(a_receiver_that_hangs_delays_only_itself,);

/// Starts endpoints that accept connections and never respond. Returns the URL and counts the connections.
async fn hanging_endpoint() -> (String, Arc<Mutex<Vec<TcpStream>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let connections = Arc::new(Mutex::new(Vec::new()));
    let open = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            open.lock().unwrap().push(connection);
        }
    });
    (url, connections)
}

async fn a_receiver_that_hangs_delays_only_itself(harness: Harness) {
    let (slow, fast): (TenantId, TenantId) = ("slow".parse().unwrap(), "fast".parse().unwrap());
    let (hanging, connections) = hanging_endpoint().await;
    for _ in 0..8 {
        harness.loaded(&slow, &hanging, 6).await;
    }
    let url = harness.receiver.url.clone();
    let same_tenant = harness.loaded(&slow, &url, 5).await;
    let other_tenant = harness.loaded(&fast, &url, 30).await;
    let courier = harness.courier(PRIVATE_ALLOWED);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let pulse = Pulses::default().watch("courier", Duration::MAX);
    let running = tokio::spawn(async move { courier.run(&pulse, stopped).await });
    // A request to the endpoint that hangs takes 15 s.
    let delivered = async {
        while harness.receiver.count() < 35 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(10), delivered).await;
    assert!(in_time.is_ok(), "only {} arrived", harness.receiver.count());
    assert_eq!(connections.lock().unwrap().len(), 16, "2 for each webhook");
    // A message that comes later does not wait either.
    let test = harness.store.test_webhook(&Scope::Service, other_tenant.id);
    test.await.unwrap();
    let delivered = async {
        while harness.receiver.count() < 36 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(10), delivered).await;
    assert!(in_time.is_ok(), "the last message must arrive");
    connections.lock().unwrap().clear();
    stop.cancel();
    running.await.unwrap();
    for webhook in [&same_tenant, &other_tenant] {
        let states = harness.states(webhook).await;
        assert!(
            states
                .iter()
                .all(|state| *state == DeliveryState::Delivered)
        );
    }
}
