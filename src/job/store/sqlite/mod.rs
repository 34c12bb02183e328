//! The job store in one SQLite file: the embedded default, for one process on one machine.
//!
//! Every change is one `BEGIN IMMEDIATE` transaction: it loads a [`Record`], changes it and saves it. Readers use
//! separate connections and never wait (WAL). A call returns only after its commit is on the disk (`synchronous =
//! FULL`).

mod at_work;
mod audit;
mod counts;
mod create;
mod error;
mod guard;
mod keys;
mod outbox;
mod queue;
mod retention;
mod row;
mod webhooks;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection as _, Row as _, Sqlite, Transaction};

use super::bounded::{Bounded, Heed};
use super::schema;
use super::{
    Created, Heartbeat, IdempotencyKey, JobFilter, JobStore, KEY_LIFETIME_MS, Outcome, QueueDepth,
    StoreError,
};
use crate::artifact::manifest::Manifest;
use crate::job::event::{Event, NewEvent};
use crate::job::queue::{Claimer, Crew, Device, HeldLease, Position, Quota, SeenCrew};
use crate::job::record::Record;
use crate::job::store::column;
use crate::job::tenant::Scope;
use crate::job::{Job, JobId, Lease, NewJob, State, UnixMs};
use crate::prune::stage::Stage;
pub use error::OpenError;
use guard::Guard;

/// Number of connections for readers.
const READERS: u32 = 4;

/// How long a connection waits for the lock of another writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a caller waits for a connection. It is shorter than the timeout of a call, so that the error says that
/// nothing was changed.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

/// The SQLite store, with a timeout for each call.
pub type SqliteStore = Bounded<SqliteFile>;

/// The database file; only this process uses it.
pub struct SqliteFile {
    writer: SqlitePool,
    readers: SqlitePool,
    _guard: Guard,
}

impl SqliteStore {
    /// Opens the file, creates it if necessary, and migrates its schema.
    ///
    /// # Errors
    /// Returns an error if another process uses the file, if it is on a network file system, if it is not a SQLite
    /// database, or if its schema cannot be migrated.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let guard = Guard::take(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What is replaced or deleted, such as a secret, does not stay in the file.
            .pragma("secure_delete", "ON")
            .busy_timeout(BUSY_TIMEOUT);
        let failed = |source| OpenError::Database {
            path: path.display().to_string(),
            source,
        };
        // Only one connection writes: writers wait for it in the pool, which is fair, and not for the lock of the file.
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // When the disk is full, SQLite rolls back the transaction itself, but the connection still counts it as
            // open and would refuse every later one. Such a connection is closed, and another is opened.
            .before_acquire(|connection, _| {
                let usable = !connection.is_in_transaction();
                Box::pin(async move { Ok(usable) })
            })
            .connect_with(options.clone())
            .await
            .map_err(failed)?;
        let migrated = sqlx::migrate!("migrations/sqlite").run(&writer).await;
        migrated.map_err(|error| OpenError::Schema {
            path: path.display().to_string(),
            why: schema::describe(&error),
        })?;
        row::end_leases(&writer).await.map_err(failed)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.read_only(true));
        Ok(Self::new(SqliteFile {
            writer,
            readers: readers.await.map_err(failed)?,
            _guard: guard,
        }))
    }
}

impl Heed for SqliteFile {}

impl SqliteFile {
    /// Begins a transaction, and returns it with the database time.
    async fn begin(&self) -> Result<(Transaction<'static, Sqlite>, UnixMs), StoreError> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let now = row::now(&mut transaction).await?;
        Ok((transaction, now))
    }

    /// Loads a record, changes it with `step` and saves it, in one transaction.
    async fn change<T: Send>(
        &self,
        scope: &Scope,
        id: JobId,
        step: impl FnOnce(&mut Record, UnixMs) -> Result<T, StoreError> + Send,
    ) -> Result<(T, Job), StoreError> {
        let (mut transaction, now) = self.begin().await?;
        let mut record = row::load(&mut transaction, scope, id).await?;
        let answer = step(&mut record, now)?;
        row::save(&mut transaction, &mut record, now).await?;
        transaction.commit().await?;
        Ok((answer, record.job))
    }
}

#[async_trait]
impl JobStore for SqliteFile {
    async fn create(
        &self,
        job: NewJob,
        key: Option<IdempotencyKey>,
        quota: Quota,
    ) -> Result<Created, StoreError> {
        let (mut transaction, now) = self.begin().await?;
        let created = create::create(&mut transaction, job, key, quota, now).await?;
        transaction.commit().await?;
        Ok(created)
    }

    async fn get(&self, scope: &Scope, id: JobId) -> Result<Job, StoreError> {
        let mut reader = self.readers.acquire().await?;
        Ok(row::load(&mut reader, scope, id).await?.job)
    }

    async fn list(
        &self,
        scope: &Scope,
        filter: &JobFilter,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<(Vec<Job>, bool), StoreError> {
        let states = (!filter.states.is_empty()).then(|| column::json(&filter.states));
        let states = states.transpose()?;
        let rows = sqlx::query(
            "SELECT * FROM jobs
             WHERE (?7 IS NULL OR tenant = ?7) AND (?1 IS NULL OR state IN (SELECT value FROM json_each(?1))) AND (?2 IS NULL OR model_uri = ?2) AND (?5 IS NULL OR id < ?5)
               AND (?3 IS NULL OR EXISTS (SELECT 1 FROM json_each(labels) WHERE key = ?3 AND value = ?4))
             ORDER BY id DESC LIMIT ?6",
        )
        .bind(states)
        .bind(&filter.model)
        .bind(filter.label.as_ref().map(|(key, _)| key))
        .bind(filter.label.as_ref().map(|(_, value)| value))
        .bind(before.map(|id| id.to_string()))
        .bind(column::one_more(limit))
        .bind(scope.tenant())
        .fetch_all(&self.readers)
        .await?;
        column::page(&rows, limit, |found| Ok(row::read(found)?.job))
    }

    async fn at_work(&self, scope: &Scope) -> Result<(Vec<SeenCrew>, Vec<HeldLease>), StoreError> {
        at_work::at_work(&self.readers, scope).await
    }

    async fn position(&self, job: &Job) -> Result<Position, StoreError> {
        at_work::position(&self.readers, job).await
    }

    async fn counts(
        &self,
        scope: &Scope,
        filter: &JobFilter,
    ) -> Result<Vec<(State, i64)>, StoreError> {
        counts::counts(&self.readers, scope, filter).await
    }

    async fn request_cancel(&self, scope: &Scope, id: JobId) -> Result<Job, StoreError> {
        let step = |record: &mut Record, now| {
            record.request_cancel(now);
            Ok(())
        };
        Ok(self.change(scope, id, step).await?.1)
    }

    async fn delete(&self, scope: &Scope, id: JobId) -> Result<Option<Manifest>, StoreError> {
        let (mut transaction, _) = self.begin().await?;
        let record = row::load(&mut transaction, scope, id).await?;
        if !record.job.state.is_terminal() {
            return Err(StoreError::active(&record.job));
        }
        sqlx::query("DELETE FROM jobs WHERE id = ?1")
            .bind(id.to_string())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(record.manifest)
    }

    async fn manifest(&self, scope: &Scope, id: JobId) -> Result<Option<Manifest>, StoreError> {
        let mut reader = self.readers.acquire().await?;
        Ok(row::load(&mut reader, scope, id).await?.manifest)
    }

    async fn events(
        &self,
        scope: &Scope,
        id: JobId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let mut reader = self.readers.acquire().await?;
        row::load(&mut reader, scope, id).await?;
        let rows = sqlx::query("SELECT sequence, at, body FROM events WHERE job = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3")
            .bind(id.to_string())
            .bind(after)
            .bind(column::at_most(limit))
            .fetch_all(&mut *reader)
            .await?;
        rows.iter().map(row::read_event).collect()
    }

    async fn claim(&self, claimer: &Claimer) -> Result<Option<(Job, Lease)>, StoreError> {
        let (mut transaction, now) = self.begin().await?;
        let mut found = None;
        while let Some(mut record) = queue::first_claimable(&mut transaction, claimer, now).await? {
            let over = record.end_if_over(now);
            let lease = (!over).then(|| record.claim(&claimer.worker, claimer.lease_ms, now));
            row::save(&mut transaction, &mut record, now).await?;
            if let Some(lease) = lease {
                queue::note_turn(&mut transaction, &record.job).await?;
                found = Some((record.job, lease));
                break;
            }
        }
        transaction.commit().await?;
        Ok(found)
    }

    async fn claimed(&self, claimer: &Claimer) -> Result<Option<(Job, Lease)>, StoreError> {
        let (mut transaction, now) = self.begin().await?;
        let Some(mut record) = queue::held(&mut transaction, claimer).await? else {
            return Ok(None);
        };
        let lease = record.reclaim(&claimer.worker, claimer.lease_ms, now);
        row::save(&mut transaction, &mut record, now).await?;
        transaction.commit().await?;
        Ok(lease.map(|lease| (record.job, lease)))
    }

    async fn has_claimable(&self, claimer: &Claimer) -> Result<bool, StoreError> {
        let mut reader = self.readers.acquire().await?;
        let now = row::now(&mut reader).await?;
        let found = queue::first_claimable(&mut reader, claimer, now).await?;
        Ok(found.is_some())
    }

    async fn note_crew(&self, crew: &Crew) -> Result<(), StoreError> {
        let (mut transaction, now) = self.begin().await?;
        queue::note_crew(&mut transaction, crew, now).await?;
        Ok(transaction.commit().await?)
    }

    async fn to_look_for(
        &self,
        device: Device,
        limit: usize,
        hold_ms: i64,
    ) -> Result<Vec<Job>, StoreError> {
        let (mut transaction, now) = self.begin().await?;
        let found = queue::to_look_for(&mut transaction, device, limit, now, hold_ms).await?;
        transaction.commit().await?;
        Ok(found)
    }

    async fn resume(&self, id: JobId) -> Result<(), StoreError> {
        let step = |record: &mut Record, now| {
            record.resume(now);
            Ok(())
        };
        self.change(&Scope::Service, id, step).await.map(drop)
    }

    async fn heartbeat(
        &self,
        lease: &Lease,
        stage: Option<Stage>,
        done: u64,
        total: u64,
        lease_ms: i64,
    ) -> Result<Heartbeat, StoreError> {
        let step =
            |record: &mut Record, now| record.heartbeat(lease, stage, done, total, lease_ms, now);
        Ok(self.change(&Scope::Service, lease.job, step).await?.0)
    }

    async fn record(&self, lease: &Lease, event: NewEvent) -> Result<(), StoreError> {
        let step = |record: &mut Record, _| record.record(lease, event);
        self.change(&Scope::Service, lease.job, step)
            .await
            .map(drop)
    }

    async fn finish(&self, lease: &Lease, outcome: Outcome) -> Result<Job, StoreError> {
        Ok(self
            .change(&Scope::Service, lease.job, |record, now| {
                record.finish(lease, outcome, now)
            })
            .await?
            .1)
    }

    async fn sweep(&self) -> Result<u64, StoreError> {
        let (mut transaction, now) = self.begin().await?;
        let mut ended = 0;
        for mut record in row::possibly_over(&mut transaction, now).await? {
            if record.end_if_over(now) {
                row::save(&mut transaction, &mut record, now).await?;
                ended += 1;
            }
        }
        sqlx::query("DELETE FROM idempotency_keys WHERE created_at <= ?1")
            .bind(now - KEY_LIFETIME_MS)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(ended)
    }

    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        let mut reader = self.readers.acquire().await?;
        let now = row::now(&mut reader).await?;
        let counts = sqlx::query(
            "SELECT COUNT(*) FILTER (WHERE state = 'queued') AS queued,
                    COUNT(*) FILTER (WHERE state != 'queued') AS running,
                    MIN(created_at) FILTER (WHERE state = 'queued') AS oldest
             FROM jobs WHERE state IN ('queued', 'running', 'canceling')",
        )
        .fetch_one(&mut *reader)
        .await?;
        let oldest: Option<i64> = counts.try_get("oldest")?;
        Ok(QueueDepth {
            queued: counts.try_get("queued")?,
            running: counts.try_get("running")?,
            oldest_queued_ms: oldest.map_or(0, |oldest| (now - oldest).max(0)),
        })
    }

    async fn clock(&self) -> Result<UnixMs, StoreError> {
        let mut connection = self.readers.acquire().await?;
        row::now(&mut connection).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // Take the write lock instead of only selecting: a store that cannot write is not usable.
        let (transaction, _) = self.begin().await?;
        Ok(transaction.rollback().await?)
    }
}
