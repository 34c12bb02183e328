//! Tests of PostgreSQL through the connection pooler PgBouncer.

use optin::job::State;
use optin::job::store::JobStore;
use optin::job::store::postgres::{OpenError, PostgresStore};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

use super::behaviours::succeeded;
use crate::fixture::job::{claimed, created, new_job};
use crate::fixture::postgres::database;
use crate::fixture::services::Service;

/// Starts a pooler in a pool mode, and returns it with the URL of a new database through it.
async fn pooled(mode: &str) -> (Service, String) {
    let url = database().await;
    let server = url.split('@').nth(1).unwrap();
    let (address, name) = server.split_once('/').unwrap();
    let settings = vec![
        ("PGBOUNCER_SERVER", address.to_owned()),
        ("PGBOUNCER_MODE", mode.to_owned()),
    ];
    let pooler = Service::with("pgbouncer", settings);
    let port = pooler.setting("PORT");
    (pooler, format!("postgres://optin@127.0.0.1:{port}/{name}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_session_mode_works_like_a_direct_connection() {
    let (_pooler, url) = pooled("session").await;
    let store = Arc::new(PostgresStore::open(&url, 4).await.unwrap());
    let wake = Arc::new(Notify::new());
    let listening = {
        let (store, wake) = (Arc::clone(&store), Arc::clone(&wake));
        tokio::spawn(async move { store.wake_on_jobs(wake).await })
    };
    let woken = async {
        loop {
            created(store.as_ref(), new_job("a")).await;
            let soon = Duration::from_millis(200);
            if tokio::time::timeout(soon, wake.notified()).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), woken)
        .await
        .expect("the listener must be woken within 10 seconds");
    listening.abort();
    let (_, lease) = claimed(store.as_ref(), 60_000).await;
    let ended = store.finish(&lease, succeeded()).await.unwrap();
    assert_eq!(ended.state, State::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_transaction_mode_is_rejected_with_a_remedy() {
    let (_pooler, url) = pooled("transaction").await;
    let rejected = PostgresStore::open(&url, 4)
        .await
        .err()
        .expect("transaction mode must be rejected");
    assert!(matches!(rejected, OpenError::Shared { .. }), "{rejected}");
    assert!(rejected.to_string().contains("pool_mode = session"));
}
