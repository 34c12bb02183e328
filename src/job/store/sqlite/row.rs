//! Conversions between records and rows.

use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{Row as _, Sqlite};

use super::outbox;
use crate::job::event::Event;
use crate::job::record::{Hold, Record};
use crate::job::store::column::{clamped, document, json, parsed, word};
use crate::job::store::error::StoreError;
use crate::job::trace::TraceParent;
use crate::job::waiting::Waiting;
use crate::job::{Job, JobId, Progress, Scope, UnixMs};

type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// Returns the database time.
pub(super) async fn now(connection: &mut SqliteConnection) -> Result<UnixMs, StoreError> {
    let row = sqlx::query("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)")
        .fetch_one(connection)
        .await?;
    Ok(row.try_get(0)?)
}

/// Returns a record in the scope, or `NotFound`.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    scope: &Scope,
    id: JobId,
) -> Result<Record, StoreError> {
    let row = sqlx::query("SELECT * FROM jobs WHERE id = ?1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    let record = row.as_ref().map(read).transpose()?;
    record
        .filter(|record| scope.holds(&record.job.tenant))
        .ok_or(StoreError::NotFound(id))
}

/// Returns records that [may be over](Record::end_if_over).
pub(super) async fn possibly_over(
    connection: &mut SqliteConnection,
    now: UnixMs,
) -> Result<Vec<Record>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM jobs WHERE state IN ('queued', 'running', 'canceling')
           AND (lease_until <= ?1 OR (lease_until IS NULL AND (deadline_at <= ?1 OR spent >= max_attempts)))",
    )
    .bind(now)
    .fetch_all(connection)
    .await?;
    rows.iter().map(read).collect()
}

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    record: &mut Record,
    now: UnixMs,
) -> Result<(), StoreError> {
    let query = sqlx::query(
        "INSERT INTO jobs (id, state, stage, done, total, stage_since, attempt, spent, cancel_requested, not_before, worker,
                           lease_until, failure, report, manifest, started_at, finished_at, version, waiting, look_at,
                           recipe, model_uri, labels, max_attempts, retry_of, created_at, deadline_at, tenant, device, priority, traceparent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
                 ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31)",
    );
    let job = &record.job;
    let query = bind_changing(query, record)?
        .bind(json(&job.recipe)?)
        .bind(job.recipe.model.uri.clone())
        .bind(json(&job.labels)?)
        .bind(job.max_attempts)
        .bind(job.retry_of.map(|id| id.to_string()))
        .bind(job.created_at)
        .bind(job.deadline_at)
        .bind(job.tenant.as_str())
        .bind(job.device.as_str())
        .bind(job.priority)
        .bind(job.trace.as_ref().map(ToString::to_string));
    query.execute(&mut *connection).await?;
    append_news(connection, record, now).await
}

pub(super) async fn save(
    connection: &mut SqliteConnection,
    record: &mut Record,
    now: UnixMs,
) -> Result<(), StoreError> {
    let query = sqlx::query(
        "UPDATE jobs SET state = ?2, stage = ?3, done = ?4, total = ?5, stage_since = ?6, attempt = ?7, spent = ?8,
             cancel_requested = ?9, not_before = ?10, worker = ?11, lease_until = ?12, failure = ?13, report = ?14,
             manifest = ?15, started_at = ?16, finished_at = ?17, version = ?18,
             waiting = ?19, look_at = ?20
         WHERE id = ?1",
    );
    bind_changing(query, record)?
        .execute(&mut *connection)
        .await?;
    append_news(connection, record, now).await
}

/// Binds the columns that may change, as parameters 1 to 20.
fn bind_changing<'q>(query: Query<'q>, record: &Record) -> Result<Query<'q>, StoreError> {
    let job = &record.job;
    let optional = |document: Option<String>| document;
    Ok(query
        .bind(job.id.to_string())
        .bind(job.state.as_str())
        .bind(job.stage.map(|stage| stage.as_str()))
        .bind(clamped(job.progress.done))
        .bind(clamped(job.progress.total))
        .bind(job.progress.since)
        .bind(job.attempt)
        .bind(record.spent)
        .bind(job.cancel_requested)
        .bind(record.not_before)
        .bind(record.hold.as_ref().map(|hold| hold.worker.clone()))
        .bind(record.hold.as_ref().map(|hold| hold.until))
        .bind(optional(job.failure.as_ref().map(json).transpose()?))
        .bind(optional(job.report.as_ref().map(json).transpose()?))
        .bind(optional(record.manifest.as_ref().map(json).transpose()?))
        .bind(job.started_at)
        .bind(job.finished_at)
        .bind(job.version)
        .bind(optional(job.waiting.as_ref().map(json).transpose()?))
        .bind(job.waiting.as_ref().map(|waiting| waiting.look_at)))
}

async fn append_news(
    connection: &mut SqliteConnection,
    record: &mut Record,
    now: UnixMs,
) -> Result<(), StoreError> {
    for event in std::mem::take(&mut record.news) {
        sqlx::query(
            "INSERT INTO events (job, sequence, at, body)
             VALUES (?1, 1 + COALESCE((SELECT MAX(sequence) FROM events WHERE job = ?1), 0), ?2, ?3)",
        )
        .bind(record.job.id.to_string())
        .bind(now)
        .bind(json(&event)?)
        .execute(&mut *connection)
        .await?;
        outbox::enqueue(connection, &record.job, &event, now).await?;
    }
    Ok(())
}

pub(super) fn read(row: &SqliteRow) -> Result<Record, StoreError> {
    let job = Job {
        id: parsed(row.try_get("id")?)?,
        tenant: word(row.try_get("tenant")?)?,
        device: word(row.try_get("device")?)?,
        priority: row.try_get("priority")?,
        state: word(row.try_get("state")?)?,
        stage: row
            .try_get::<Option<String>, _>("stage")?
            .map(word)
            .transpose()?,
        progress: Progress {
            done: row.try_get::<i64, _>("done")?.unsigned_abs(),
            total: row.try_get::<i64, _>("total")?.unsigned_abs(),
            since: row.try_get("stage_since")?,
        },
        recipe: document(row.try_get("recipe")?)?,
        labels: document(row.try_get("labels")?)?,
        attempt: row.try_get("attempt")?,
        max_attempts: row.try_get("max_attempts")?,
        retry_of: row
            .try_get::<Option<String>, _>("retry_of")?
            .map(parsed)
            .transpose()?,
        trace: row
            .try_get::<Option<String>, _>("traceparent")?
            .and_then(|text| TraceParent::parse(&text)),
        cancel_requested: row.try_get("cancel_requested")?,
        waiting: waiting(row)?,
        failure: row
            .try_get::<Option<String>, _>("failure")?
            .map(document)
            .transpose()?,
        report: row
            .try_get::<Option<String>, _>("report")?
            .map(document)
            .transpose()?,
        created_at: row.try_get("created_at")?,
        started_at: row.try_get("started_at")?,
        finished_at: row.try_get("finished_at")?,
        deadline_at: row.try_get("deadline_at")?,
        artifacts_removed_at: row.try_get("artifacts_removed_at")?,
        version: row.try_get("version")?,
    };
    let worker: Option<String> = row.try_get("worker")?;
    let until: Option<i64> = row.try_get("lease_until")?;
    Ok(Record {
        job,
        spent: row.try_get("spent")?,
        not_before: row.try_get("not_before")?,
        hold: worker
            .zip(until)
            .map(|(worker, until)| Hold { worker, until }),
        manifest: row
            .try_get::<Option<String>, _>("manifest")?
            .map(document)
            .transpose()?,
        news: Vec::new(),
    })
}

fn waiting(row: &SqliteRow) -> Result<Option<Waiting>, StoreError> {
    let found: Option<String> = row.try_get("waiting")?;
    let both = found.zip(row.try_get("look_at")?);
    let read = |(text, look_at)| {
        let waiting: Waiting = document(text)?;
        Ok(Waiting { look_at, ..waiting })
    };
    both.map(read).transpose()
}

pub(super) fn read_event(row: &SqliteRow) -> Result<Event, StoreError> {
    Ok(Event {
        sequence: row.try_get("sequence")?,
        at: row.try_get("at")?,
        body: document(row.try_get("body")?)?,
    })
}

/// Ends every lease. The guard proves that the workers of all leases have ended, so the jobs can be claimed at once.
pub(super) async fn end_leases(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE jobs SET lease_until = 0 WHERE lease_until IS NOT NULL")
        .execute(pool)
        .await
        .map(|_| ())
}
