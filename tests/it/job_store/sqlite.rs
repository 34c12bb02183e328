//! Tests of the SQLite store: the common list of behaviors, and tests of SQLite only.

use optin::job::queue::Quota;
use optin::job::store::JobStore;
use optin::job::store::sqlite::{OpenError, SqliteStore};
use optin::job::{Scope, State};
use sqlx::{Connection, SqliteConnection};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

use super::behaviours::{Store, conformance};
use crate::fixture::job::{claimed, created, new_job};

fn database_path() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.sqlite");
    (folder, path)
}

async fn open() -> (TempDir, Store) {
    let (folder, path) = database_path();
    let store = SqliteStore::open(&path).await.unwrap();
    (folder, Arc::new(store))
}

conformance!(open);

#[test]
fn random_sequences_of_calls_match_the_model() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    super::model::check(48, &runtime, open);
}

#[tokio::test]
async fn a_second_process_cannot_open_the_database() {
    let (_folder, path) = database_path();
    let first = SqliteStore::open(&path).await.unwrap();
    let error = SqliteStore::open(&path)
        .await
        .err()
        .expect("the file must be in use");
    assert!(matches!(error, OpenError::InUse { .. }));
    assert!(
        error
            .to_string()
            .contains("in use by another process; stop that one first"),
        "{error}"
    );
    drop(first);
    SqliteStore::open(&path).await.unwrap();
}

#[tokio::test]
async fn acknowledged_changes_survive_a_crash() {
    let (folder, path) = database_path();
    let store = SqliteStore::open(&path).await.unwrap();
    let job = created(&store, new_job("a")).await;
    let (running, _) = claimed(&store, 1).await;
    // A copy of the files without a clean close, as a kill leaves them.
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    for name in ["jobs.sqlite", "jobs.sqlite-wal"] {
        std::fs::copy(folder.path().join(name), copy.join(name)).unwrap();
    }
    let reopened = SqliteStore::open(&copy.join("jobs.sqlite")).await.unwrap();
    assert_eq!(
        reopened.get(&Scope::Service, job.id).await.unwrap(),
        running
    );
    assert_eq!(claimed(&reopened, 1_000).await.1.attempt, 2);
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_rejected() {
    let (_folder, path) = database_path();
    std::fs::write(
        &path,
        "this is a letter to my aunt, and it is longer than a header",
    )
    .unwrap();
    let error = SqliteStore::open(&path)
        .await
        .err()
        .expect("the file must not open as a database");
    assert!(error.to_string().contains("jobs.sqlite"), "{error}");
}

async fn raw(path: &Path, statement: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap();
    sqlx::query(statement)
        .execute(&mut connection)
        .await
        .map(|_| ())
}

/// SQLite rolls back a transaction by itself if the disk is full. This test does the same with a trigger.
#[tokio::test]
async fn a_transaction_that_the_database_rolled_back_does_not_block_later_ones() {
    let (_folder, path) = database_path();
    let store = SqliteStore::open(&path).await.unwrap();
    raw(
        &path,
        "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END",
    )
    .await
    .unwrap();
    for _ in 0..3 {
        let rejected = store.create(new_job("a"), None, Quota::default()).await;
        assert!(rejected.is_err());
    }
    raw(&path, "DROP TRIGGER full").await.unwrap();
    let job = created(&store, new_job("a")).await;
    assert_eq!(store.get(&Scope::Service, job.id).await.unwrap(), job);
    assert_eq!(claimed(&store, 1_000).await.1.job, job.id);
}

#[tokio::test]
async fn the_schema_rejects_invalid_rows() {
    let (_folder, path) = database_path();
    let store = SqliteStore::open(&path).await.unwrap();
    let job = created(&store, new_job("a")).await;
    for statement in [
        "UPDATE jobs SET state = 'sleeping'",
        "UPDATE jobs SET state = 'running'",
        "UPDATE jobs SET state = 'canceled'",
        "UPDATE jobs SET finished_at = 1",
        "UPDATE jobs SET lease_until = 1, worker = 'w'",
        "UPDATE jobs SET report = '{}'",
        "UPDATE jobs SET manifest = '{}'",
        "UPDATE jobs SET state = 'failed', finished_at = 1",
        "UPDATE jobs SET failure = '{}'",
        "UPDATE jobs SET recipe = 'not json'",
        "UPDATE jobs SET attempt = -1",
        "UPDATE jobs SET spent = 1",
        "UPDATE jobs SET version = 0",
        "UPDATE jobs SET artifacts_removed_at = 1",
        "INSERT INTO keys (id, tenant, name, scope, secret_sha256, created_at) VALUES ('00000000000000000000000000000000', 'a', 'n', 'root', zeroblob(32), 1)",
        "INSERT INTO keys (id, tenant, name, scope, secret_sha256, created_at) VALUES ('00000000000000000000000000000000', 'a', 'n', 'read', zeroblob(31), 1)",
        "UPDATE jobs SET id = 'job_1'",
        "INSERT INTO events (job, sequence, at, body) VALUES ('nobody', 1, 1, '{}')",
    ] {
        let rejected = raw(&path, statement).await;
        assert!(
            rejected.is_err_and(|error| error.to_string().contains("constraint failed")),
            "{statement}"
        );
    }
    assert_eq!(store.get(&Scope::Service, job.id).await.unwrap(), job);
    assert_eq!(job.state, State::Queued);
}
