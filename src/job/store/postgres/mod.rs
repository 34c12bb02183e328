//! The job store in PostgreSQL, for any number of processes on any number of machines.
//!
//! Every change is one short transaction: it locks the row of the job, changes the [`Record`] and saves it. No
//! transaction is open while a job runs. A claim skips rows that other transactions have locked (`SKIP LOCKED`). After
//! the commit of a new job, `NOTIFY` wakes idle workers; this is only a hint, and polling finds every job.

mod at_work;
mod audit;
mod counts;
mod create;
mod error;
mod keys;
mod listen;
mod moment;
mod outbox;
mod queue;
mod retention;
mod row;
mod sessions;
mod webhooks;

use async_trait::async_trait;
use sqlx::{Postgres, QueryBuilder, Row as _, Transaction};
use uuid::Uuid;

use super::column::{at_most, one_more, page};
use super::{
    Created, Heartbeat, IdempotencyKey, JobFilter, JobStore, KEY_LIFETIME_MS, Outcome, QueueDepth,
    StoreError,
};
use crate::artifact::manifest::Manifest;
use crate::job::event::{Event, NewEvent};
use crate::job::queue::{Claimer, Crew, Device, HeldLease, Position, Quota, SeenCrew};
use crate::job::record::Record;
use crate::job::tenant::Scope;
use crate::job::{Job, JobId, Lease, NewJob, State, UnixMs};
use crate::prune::stage::Stage;
pub use error::OpenError;
pub use sessions::{PostgresStore, Sessions};

/// Maximum number of jobs that a sweep ends in one transaction.
const SWEEP_BATCH: i64 = 100;

/// Maximum number of old rows that one call deletes. A statement that takes too long would be rolled back; the next
/// sweep deletes the rest.
const DELETE_BATCH: i64 = 10_000;

impl Sessions {
    /// Begins a transaction. If that fails, nothing was changed, so a lost response is reported as unavailable.
    async fn transaction(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.pool.begin().await.map_err(|error| match error.into() {
            StoreError::Unanswered(why) => StoreError::Unavailable(why),
            error => error,
        })
    }

    /// Begins a transaction, and returns it with the database time.
    async fn begin(&self) -> Result<(Transaction<'static, Postgres>, UnixMs), StoreError> {
        let mut transaction = self.transaction().await?;
        let now = moment::now(&mut transaction).await?;
        Ok((transaction, now))
    }

    /// Loads a record, changes it with `step` and saves it, in one transaction.
    async fn change<T: Send>(
        &self,
        scope: &Scope,
        id: JobId,
        step: impl FnOnce(&mut Record, UnixMs) -> Result<T, StoreError> + Send,
    ) -> Result<(T, Job), StoreError> {
        let mut transaction = self.transaction().await?;
        let changed = async {
            let (mut record, now) = row::take(&mut transaction, scope, id).await?;
            let answer = step(&mut record, now)?;
            row::save(&mut transaction, &mut record, now).await?;
            Ok((answer, record.job))
        };
        let changed = changed.await;
        end(transaction, changed).await
    }
}

/// Commits the transaction, or rolls it back at once after an error. A transaction that is only dropped holds its locks
/// a little longer, and a claim would skip a job that no worker holds.
async fn end<T>(
    transaction: Transaction<'static, Postgres>,
    done: Result<T, StoreError>,
) -> Result<T, StoreError> {
    match done {
        Ok(done) => {
            transaction.commit().await?;
            Ok(done)
        }
        Err(refused) => {
            transaction.rollback().await?;
            Err(refused)
        }
    }
}

#[async_trait]
impl JobStore for Sessions {
    async fn create(
        &self,
        job: NewJob,
        key: Option<IdempotencyKey>,
        quota: Quota,
    ) -> Result<Created, StoreError> {
        let mut transaction = self.transaction().await?;
        let created = create::create(&mut transaction, job, key, quota).await;
        let created = end(transaction, created).await?;
        if let Created::New(_) = created {
            listen::notify(&self.pool).await;
        }
        Ok(created)
    }

    async fn get(&self, scope: &Scope, id: JobId) -> Result<Job, StoreError> {
        let mut connection = self.pool.acquire().await?;
        Ok(row::load(&mut connection, scope, id).await?.job)
    }

    async fn list(
        &self,
        scope: &Scope,
        filter: &JobFilter,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<(Vec<Job>, bool), StoreError> {
        // Add only the requested conditions, so that the planner can use the index for each.
        let mut query = QueryBuilder::<Postgres>::new("SELECT * FROM jobs WHERE true");
        if let Some(tenant) = scope.tenant() {
            query.push(" AND tenant = ").push_bind(tenant);
        }
        if !filter.states.is_empty() {
            let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
            query.push(" AND state = ANY(").push_bind(states).push(")");
        }
        if let Some(model) = &filter.model {
            query.push(" AND model_uri = ").push_bind(model);
        }
        if let Some((key, value)) = &filter.label {
            query.push(" AND labels ->> ").push_bind(key);
            query.push(" = ").push_bind(value);
        }
        if let Some(before) = before {
            query.push(" AND id < ").push_bind(before.uuid());
        }
        query
            .push(" ORDER BY id DESC LIMIT ")
            .push_bind(one_more(limit));
        let rows = query.build().fetch_all(&self.pool).await?;
        page(&rows, limit, |found| Ok(row::read(found)?.job))
    }

    async fn at_work(&self, scope: &Scope) -> Result<(Vec<SeenCrew>, Vec<HeldLease>), StoreError> {
        at_work::at_work(&self.pool, scope).await
    }

    async fn position(&self, job: &Job) -> Result<Position, StoreError> {
        at_work::position(&self.pool, job).await
    }

    async fn counts(
        &self,
        scope: &Scope,
        filter: &JobFilter,
    ) -> Result<Vec<(State, i64)>, StoreError> {
        counts::counts(&self.pool, scope, filter).await
    }

    async fn request_cancel(&self, scope: &Scope, id: JobId) -> Result<Job, StoreError> {
        let step = |record: &mut Record, now| {
            record.request_cancel(now);
            Ok(())
        };
        Ok(self.change(scope, id, step).await?.1)
    }

    async fn delete(&self, scope: &Scope, id: JobId) -> Result<Option<Manifest>, StoreError> {
        let mut transaction = self.transaction().await?;
        let deleted = async {
            let (record, _) = row::take(&mut transaction, scope, id).await?;
            if !record.job.state.is_terminal() {
                return Err(StoreError::active(&record.job));
            }
            sqlx::query("DELETE FROM jobs WHERE id = $1")
                .bind(id.uuid())
                .execute(&mut *transaction)
                .await?;
            Ok(record.manifest)
        };
        let deleted = deleted.await;
        end(transaction, deleted).await
    }

    async fn manifest(&self, scope: &Scope, id: JobId) -> Result<Option<Manifest>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        Ok(row::load(&mut connection, scope, id).await?.manifest)
    }

    async fn events(
        &self,
        scope: &Scope,
        id: JobId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        row::load(&mut connection, scope, id).await?;
        let rows = sqlx::query("SELECT sequence, at, body FROM events WHERE job = $1 AND sequence > $2 ORDER BY sequence LIMIT $3")
            .bind(id.uuid())
            .bind(after)
            .bind(at_most(limit))
            .fetch_all(&mut *connection)
            .await?;
        rows.iter().map(row::read_event).collect()
    }

    async fn claim(&self, claimer: &Claimer) -> Result<Option<(Job, Lease)>, StoreError> {
        loop {
            let mut transaction = self.transaction().await?;
            let found = queue::first_claimable(&mut transaction, claimer).await?;
            let Some((mut record, now)) = found else {
                return Ok(None);
            };
            let over = record.end_if_over(now);
            let lease = (!over).then(|| record.claim(&claimer.worker, claimer.lease_ms, now));
            row::save(&mut transaction, &mut record, now).await?;
            if lease.is_some() {
                queue::note_turn(&mut transaction, &record.job).await?;
            }
            transaction.commit().await?;
            if let Some(lease) = lease {
                return Ok(Some((record.job, lease)));
            }
        }
    }

    async fn claimed(&self, claimer: &Claimer) -> Result<Option<(Job, Lease)>, StoreError> {
        let mut transaction = self.transaction().await?;
        let found = async {
            let held = queue::held(&mut transaction, claimer).await?;
            let Some((mut record, now)) = held else {
                return Ok(None);
            };
            let lease = record.reclaim(&claimer.worker, claimer.lease_ms, now);
            row::save(&mut transaction, &mut record, now).await?;
            Ok(lease.map(|lease| (record.job, lease)))
        };
        let found = found.await;
        end(transaction, found).await
    }

    async fn has_claimable(&self, claimer: &Claimer) -> Result<bool, StoreError> {
        queue::has_claimable(&self.pool, claimer).await
    }

    async fn note_crew(&self, crew: &Crew) -> Result<(), StoreError> {
        queue::note_crew(&self.pool, crew).await
    }

    async fn to_look_for(
        &self,
        device: Device,
        limit: usize,
        hold_ms: i64,
    ) -> Result<Vec<Job>, StoreError> {
        queue::to_look_for(&self.pool, device, limit, hold_ms).await
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
        let step = |record: &mut Record, now| record.finish(lease, outcome, now);
        Ok(self.change(&Scope::Service, lease.job, step).await?.1)
    }

    async fn sweep(&self) -> Result<u64, StoreError> {
        let mut ended = 0;
        loop {
            let mut transaction = self.transaction().await?;
            let found = row::possibly_over(&mut transaction, SWEEP_BATCH).await?;
            let full = found.len() as i64 == SWEEP_BATCH;
            for (mut record, now) in found {
                if record.end_if_over(now) {
                    row::save(&mut transaction, &mut record, now).await?;
                    ended += 1;
                }
            }
            transaction.commit().await?;
            if !full {
                break;
            }
        }
        let (mut transaction, now) = self.begin().await?;
        sqlx::query("DELETE FROM idempotency_keys WHERE created_at <= $1")
            .bind(moment::from_ms(now - KEY_LIFETIME_MS))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(ended)
    }

    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        let counts = sqlx::query(
            "SELECT COUNT(*) FILTER (WHERE state = 'queued') AS queued,
                    COUNT(*) FILTER (WHERE state <> 'queued') AS running,
                    MIN(created_at) FILTER (WHERE state = 'queued') AS oldest,
                    clock_timestamp() AS now
             FROM jobs WHERE state IN ('queued', 'running', 'canceling')",
        )
        .fetch_one(&self.pool)
        .await?;
        let (oldest, now) = (
            moment::read_optional(&counts, "oldest")?,
            moment::read(&counts, "now")?,
        );
        Ok(QueueDepth {
            queued: counts.try_get("queued")?,
            running: counts.try_get("running")?,
            oldest_queued_ms: oldest.map_or(0, |oldest| (now - oldest).max(0)),
        })
    }

    async fn clock(&self) -> Result<UnixMs, StoreError> {
        let mut connection = self.pool.acquire().await?;
        moment::now(&mut connection).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // Lock a row instead of only selecting: a store that cannot write, such as a standby, is not usable.
        let mut transaction = self.transaction().await?;
        sqlx::query("SELECT id FROM jobs WHERE id = $1 FOR UPDATE")
            .bind(Uuid::nil())
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.rollback().await?)
    }
}
