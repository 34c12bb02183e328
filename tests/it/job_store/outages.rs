//! Tests of database outages: the store reports the cause, and works again after the outage.

use optin::job::store::database::{Dialect, Meaning};
use optin::job::store::postgres::PostgresStore;
use optin::job::store::sqlite::SqliteStore;
use optin::job::store::{JobStore, StoreError};
use optin::job::{Scope, State};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use strum::VariantArray;

use super::behaviours::succeeded;
use crate::fixture::injection_points::Protocol;
use crate::fixture::job::{claimed, created, new_job};
use crate::fixture::postgres::{database, store};
use crate::fixture::proxy::{Mode, Proxy};
use std::time::{Duration, Instant};

async fn run(connection: &mut PgConnection, statement: &str) {
    let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
    connection.execute(statement).await.unwrap();
}

fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

async fn create(store: &PostgresStore) -> Result<(), StoreError> {
    let quota = optin::job::queue::Quota::default();
    store.create(new_job("a"), None, quota).await.map(drop)
}

/// Simulates a failover: sessions are read-only, and stay read-only when the database no longer is.
#[tokio::test(flavor = "multi_thread")]
async fn writes_succeed_after_a_database_was_read_only() {
    let url = database().await;
    let store = store(&url).await;
    let job = created(&store, new_job("a")).await;
    let mut owner = PgConnection::connect(&url).await.unwrap();
    let set = |state| {
        format!(
            "ALTER DATABASE {} SET default_transaction_read_only = {state}",
            name(&url)
        )
    };
    run(&mut owner, &set("on")).await;
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    run(&mut owner, others).await;
    for _ in 0..8 {
        let rejected = create(&store).await;
        assert!(
            matches!(rejected, Err(StoreError::ReadOnly(_))),
            "{rejected:?}"
        );
        let ping = store.ping().await;
        assert!(ping.is_err_and(|error| error.is_outage()));
        // New sessions can still read.
        let reads = (0..4).map(|_| store.get(&Scope::Service, job.id));
        for read in futures::future::join_all(reads).await {
            assert_eq!(read.unwrap(), job);
        }
    }
    run(&mut owner, "SET default_transaction_read_only = off").await;
    run(&mut owner, &set("off")).await;
    let writes = (0..8).map(|_| create(&store));
    futures::future::try_join_all(writes).await.unwrap();
}

/// Simulates a full disk with the error of the server.
#[tokio::test(flavor = "multi_thread")]
async fn writes_succeed_after_the_database_disk_was_full() {
    let url = database().await;
    let store = store(&url).await;
    created(&store, new_job("a")).await;
    let (job, lease) = claimed(&store, 60_000).await;
    let mut owner = PgConnection::connect(&url).await.unwrap();
    run(
        &mut owner,
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
         CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON jobs EXECUTE FUNCTION full_disk()",
    )
    .await;
    for _ in 0..4 {
        assert!(matches!(create(&store).await, Err(StoreError::Full)));
        let ended = store.finish(&lease, succeeded()).await;
        assert!(matches!(ended, Err(StoreError::Full)), "{ended:?}");
    }
    assert_eq!(store.get(&Scope::Service, job.id).await.unwrap(), job);
    run(&mut owner, "DROP TRIGGER full_disk ON jobs").await;
    create(&store).await.unwrap();
    let ended = store.finish(&lease, succeeded()).await.unwrap();
    assert_eq!(ended.state, State::Succeeded);
}

/// Existing sessions hang, and so does every new one.
#[tokio::test(flavor = "multi_thread")]
async fn calls_succeed_after_a_database_hung() {
    let url = database().await;
    let direct = store(&url).await;
    let server = url.split('@').nth(1).unwrap().split('/').next().unwrap();
    let proxy = Proxy::start(server, Protocol::Postgres);
    let proxied = PostgresStore::open(&proxy.url(&url), 8).await.unwrap();
    let proxied = proxied.within(Duration::from_millis(500));
    // Opens the maximum number of sessions.
    let many = (0..8).map(|_| proxied.clock());
    futures::future::try_join_all(many).await.unwrap();
    proxy.set(Mode::Stall);
    for _ in 0..3 {
        let start = Instant::now();
        let response = create(&proxied).await;
        assert!(response.is_err_and(|error| error.is_outage()));
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "{:?}",
            start.elapsed()
        );
    }
    proxy.set(Mode::Refuse);
    proxy.set(Mode::Pass);
    let start = Instant::now();
    while create(&proxied).await.is_err() {
        assert!(
            start.elapsed() < Duration::from_secs(3),
            "calls still fail 3 seconds after the outage"
        );
    }
    direct.clock().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_error_states_why_a_database_cannot_be_opened() {
    let url = database().await;
    drop(store(&url).await);
    let mut owner = PgConnection::connect(&url).await.unwrap();
    let role = format!("narrow_{}", name(&url));
    run(
        &mut owner,
        &format!("CREATE ROLE {role} LOGIN CONNECTION LIMIT 1"),
    )
    .await;
    let server = url.split('@').nth(1).unwrap();
    let (host, base) = server.split_once('/').unwrap();
    for (url, words) in [
        (
            format!("postgres://{role}@{server}"),
            "accepts no more connections",
        ),
        (
            format!("postgres://optin@{host}/missing_{base}"),
            "no database with this name",
        ),
        (
            format!("postgres://nobody@{server}"),
            "authentication failed",
        ),
        (
            "postgres://someone@127.0.0.1:1/jobs".to_owned(),
            "connection refused",
        ),
    ] {
        let start = Instant::now();
        let error = PostgresStore::open(&url, 2)
            .await
            .err()
            .expect("the database must not open");
        let text = error.to_string();
        assert!(text.contains(words), "{text}");
        assert!(start.elapsed() < Duration::from_secs(8), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_rejected_and_the_error_recommends_an_upgrade() {
    let url = database().await;
    drop(store(&url).await);
    let mut owner = PgConnection::connect(&url).await.unwrap();
    run(
        &mut owner,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', true, ''::bytea, 0)",
    )
    .await;
    let error = PostgresStore::open(&url, 2)
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("upgrade optin"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.sqlite");
    drop(SqliteStore::open(&path).await.unwrap());
    let mut owner = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap();
    let later = sqlx::raw_sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', 1, x'', 0)",
    );
    owner.execute(later).await.unwrap();
    let error = SqliteStore::open(&path).await.err().unwrap().to_string();
    assert!(error.contains("upgrade optin"), "{error}");
}

#[test]
fn database_error_codes_have_the_expected_meaning() {
    for (code, meaning) in [
        ("08006", Meaning::Unknown),
        ("08001", Meaning::Away),
        ("25006", Meaning::ReadOnly),
        ("40001", Meaning::Busy),
        ("40P01", Meaning::Busy),
        ("53100", Meaning::Full),
        ("53200", Meaning::Away),
        ("53300", Meaning::Away),
        ("53400", Meaning::Away),
        ("55P03", Meaning::Busy),
        ("57014", Meaning::Busy),
        ("57P01", Meaning::Away),
        ("57P02", Meaning::Unknown),
        ("57P03", Meaning::Away),
        ("58000", Meaning::Away),
        ("58030", Meaning::Away),
        ("23505", Meaning::Fault),
        ("42P01", Meaning::Fault),
    ] {
        assert_eq!(Meaning::of(Dialect::PostgreSql, code), meaning, "{code}");
    }
    // SQLITE_BUSY, _READONLY_DBMOVED, _IOERR_FSYNC, _FULL, _CONSTRAINT.
    for (code, meaning) in [
        ("5", Meaning::Busy),
        ("1032", Meaning::ReadOnly),
        ("1034", Meaning::Unknown),
        ("13", Meaning::Full),
        ("19", Meaning::Fault),
    ] {
        assert_eq!(Meaning::of(Dialect::Sqlite, code), meaning, "{code}");
    }
    // An internal error is not an outage. Every other error is one, so the call may be retried.
    for meaning in Meaning::VARIANTS {
        let error = meaning.into_error("why".into());
        assert_eq!(error.is_outage(), *meaning != Meaning::Fault, "{meaning:?}");
    }
}
