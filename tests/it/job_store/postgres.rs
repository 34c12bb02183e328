//! Tests of the PostgreSQL store: the common list of behaviors, and tests of PostgreSQL only.

use optin::job::store::JobStore;
use optin::job::store::postgres::{OpenError, PostgresStore};
use optin::job::{Scope, State};
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

use super::behaviours::{self, Store, conformance};
use crate::fixture::job::{created, new_job};
use crate::fixture::postgres::{database, store};

async fn open() -> ((), Store) {
    ((), Arc::new(store(&database().await).await))
}

conformance!(open);

#[test]
fn random_sequences_of_calls_match_the_model() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    super::model::check(48, &runtime, open);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_start_concurrently_migrate_the_schema_once() {
    let url = database().await;
    let starts = (0..6).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { PostgresStore::open(&url, 2).await.map(drop) })
    });
    for start in starts.collect::<Vec<_>>() {
        start.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_job_wakes_other_processes() {
    let url = database().await;
    let (here, there) = (store(&url).await, store(&url).await);
    let wake = Arc::new(Notify::new());
    let listening = {
        let wake = Arc::clone(&wake);
        tokio::spawn(async move { there.wake_on_jobs(wake).await })
    };
    // Notifications may be missed until the listener has subscribed.
    let woken = async {
        loop {
            created(&here, new_job("a")).await;
            if tokio::time::timeout(Duration::from_millis(200), wake.notified())
                .await
                .is_ok()
            {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), woken)
        .await
        .expect("the listener must be woken within 10 seconds");
    listening.abort();
}

#[tokio::test]
async fn the_error_for_an_unreachable_server_does_not_contain_the_password() {
    let missing = "postgres://someone:geheim@127.0.0.1:1/jobs";
    let error = PostgresStore::open(missing, 2)
        .await
        .err()
        .expect("no server may listen on this port");
    let text = error.to_string();
    assert!(
        text.contains("127.0.0.1") && text.contains("jobs"),
        "{text}"
    );
    assert!(!text.contains("geheim"), "{text}");
    let error = PostgresStore::open("postgres://[", 2)
        .await
        .err()
        .expect("the URL must be invalid");
    assert!(matches!(error, OpenError::Url));
}

#[tokio::test]
async fn closed_connections_are_replaced() {
    let url = database().await;
    let store = store(&url).await;
    let job = created(&store, new_job("a")).await;
    let mut other = PgConnection::connect(&url).await.unwrap();
    for _ in 0..3 {
        raw(
            &mut other,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await
        .unwrap();
        assert_eq!(store.get(&Scope::Service, job.id).await.unwrap(), job);
    }
}

async fn raw(connection: &mut PgConnection, statement: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(statement).execute(connection).await.map(|_| ())
}

/// Simulates a database clock that is one hour behind the clock of this machine.
#[tokio::test]
async fn ids_contain_the_database_time_if_the_local_clock_differs() {
    let url = database().await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for statement in [
        "CREATE SCHEMA behind",
        "CREATE FUNCTION behind.clock_timestamp() RETURNS timestamptz LANGUAGE sql
             AS $$ SELECT pg_catalog.clock_timestamp() - interval '1 hour' $$",
    ] {
        raw(&mut connection, statement).await.unwrap();
    }
    let search = format!("{url}?options[search_path]=behind,pg_catalog,public");
    let behind = store(&search).await;
    let here = jiff::Timestamp::now().as_millisecond();
    assert!(behind.clock().await.unwrap() < here - 3_000_000);
    behaviours::ids_contain_the_database_time(Arc::new(behind)).await;
}

#[tokio::test]
async fn the_schema_rejects_invalid_rows() {
    let url = database().await;
    let store = store(&url).await;
    let job = created(&store, new_job("a")).await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for statement in [
        "UPDATE jobs SET state = 'sleeping'",
        "UPDATE jobs SET state = 'running'",
        "UPDATE jobs SET state = 'canceled'",
        "UPDATE jobs SET finished_at = now()",
        "UPDATE jobs SET lease_until = now(), worker = 'w'",
        "UPDATE jobs SET report = '{}'",
        "UPDATE jobs SET manifest = '{}'",
        "UPDATE jobs SET state = 'failed', finished_at = now()",
        "UPDATE jobs SET failure = '{}'",
        "UPDATE jobs SET attempt = -1",
        "UPDATE jobs SET spent = 1",
        "UPDATE jobs SET version = 0",
        "UPDATE jobs SET artifacts_removed_at = now()",
        "INSERT INTO keys (id, tenant, name, scope, secret_sha256, created_at) VALUES (gen_random_uuid(), 'a', 'n', 'root', sha256(''), now())",
        "INSERT INTO keys (id, tenant, name, scope, secret_sha256, created_at) VALUES (gen_random_uuid(), 'a', 'n', 'read', 'x', now())",
        "INSERT INTO events (job, sequence, at, body) VALUES (gen_random_uuid(), 1, now(), '{}')",
    ] {
        let rejected = raw(&mut connection, statement).await;
        assert!(
            rejected.is_err_and(|error| error.to_string().contains("constraint")),
            "{statement}"
        );
    }
    assert_eq!(store.get(&Scope::Service, job.id).await.unwrap(), job);
    assert_eq!(job.state, State::Queued);
}
