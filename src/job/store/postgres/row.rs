//! Conversions between records and rows.

use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::types::Json;
use sqlx::{Postgres, Row as _};
use uuid::Uuid;

use super::{moment, outbox};
use crate::job::event::Event;
use crate::job::record::{Hold, Record};
use crate::job::store::column::{clamped, json, word};
use crate::job::store::error::StoreError;
use crate::job::trace::TraceParent;
use crate::job::waiting::Waiting;
use crate::job::{Job, JobId, Progress, Scope, UnixMs};

type Query<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

/// Returns a record in the scope, or `NotFound`.
pub(super) async fn load(
    connection: &mut PgConnection,
    scope: &Scope,
    id: JobId,
) -> Result<Record, StoreError> {
    let query = sqlx::query("SELECT * FROM jobs WHERE id = $1").bind(id.uuid());
    let row = query.fetch_optional(connection).await?;
    let record = row.as_ref().map(read).transpose()?;
    visible(record, scope, id)
}

/// Returns a record in the scope, locked until the transaction ends, with the database time. If the query waits for the
/// lock, the time is a little too early. That is safe: a renewed lease ends sooner, and nothing expires early.
pub(super) async fn take(
    connection: &mut PgConnection,
    scope: &Scope,
    id: JobId,
) -> Result<(Record, UnixMs), StoreError> {
    let query =
        sqlx::query("SELECT *, clock_timestamp() AS now FROM jobs WHERE id = $1 FOR UPDATE");
    let row = query.bind(id.uuid()).fetch_optional(connection).await?;
    let (record, now) = read_now(&row.ok_or(StoreError::NotFound(id))?)?;
    Ok((visible(Some(record), scope, id)?, now))
}

fn visible(record: Option<Record>, scope: &Scope, id: JobId) -> Result<Record, StoreError> {
    record
        .filter(|record| scope.holds(&record.job.tenant))
        .ok_or(StoreError::NotFound(id))
}

/// Reads a row that was selected together with the database time.
pub(super) fn read_now(row: &PgRow) -> Result<(Record, UnixMs), StoreError> {
    Ok((read(row)?, moment::read(row, "now")?))
}

/// Returns records that [may be over](Record::end_if_over), locked. Rows that another transaction has locked are
/// skipped.
pub(super) async fn possibly_over(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<Vec<(Record, UnixMs)>, StoreError> {
    let rows = sqlx::query(
        "SELECT *, clock_timestamp() AS now FROM jobs WHERE state IN ('queued', 'running', 'canceling')
           AND CASE WHEN state = 'queued' THEN deadline_at <= now() OR (spent >= max_attempts AND not_before <= now())
                    ELSE lease_until <= now() AND (cancel_requested OR deadline_at <= now() OR spent >= max_attempts) END
         LIMIT $1 FOR UPDATE SKIP LOCKED",
    )
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_now).collect()
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    record: &mut Record,
    now: UnixMs,
) -> Result<(), StoreError> {
    let query = sqlx::query(
        "INSERT INTO jobs (id, state, stage, done, total, stage_since, attempt, spent, cancel_requested, not_before, worker,
                           lease_until, failure, report, manifest, started_at, finished_at, version, waiting, look_at,
                           recipe, model_uri, labels, max_attempts, retry_of, created_at, deadline_at, tenant, device, priority, traceparent)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::json, $14::json, $15::json, $16, $17, $18,
                 $19::json, $20,
                 $21::json, $22, $23::jsonb, $24, $25, $26, $27, $28, $29, $30, $31)",
    );
    let job = &record.job;
    let query = bind_changing(query, record)?
        .bind(json(&job.recipe)?)
        .bind(job.recipe.model.uri.clone())
        .bind(json(&job.labels)?)
        .bind(job.max_attempts)
        .bind(job.retry_of.map(JobId::uuid))
        .bind(moment::from_ms(job.created_at))
        .bind(job.deadline_at.map(moment::from_ms))
        .bind(job.tenant.as_str().to_owned())
        .bind(job.device.as_str())
        .bind(job.priority)
        .bind(job.trace.as_ref().map(ToString::to_string));
    query.execute(&mut *connection).await?;
    append_news(connection, record, now).await
}

pub(super) async fn save(
    connection: &mut PgConnection,
    record: &mut Record,
    now: UnixMs,
) -> Result<(), StoreError> {
    let query = sqlx::query(
        "UPDATE jobs SET state = $2, stage = $3, done = $4, total = $5, stage_since = $6, attempt = $7, spent = $8,
             cancel_requested = $9, not_before = $10, worker = $11, lease_until = $12, failure = $13::json,
             report = $14::json, manifest = $15::json, started_at = $16, finished_at = $17, version = $18,
             waiting = $19::json, look_at = $20
         WHERE id = $1",
    );
    bind_changing(query, record)?
        .execute(&mut *connection)
        .await?;
    append_news(connection, record, now).await
}

/// Binds the columns that may change, as parameters 1 to 20.
fn bind_changing<'q>(query: Query<'q>, record: &Record) -> Result<Query<'q>, StoreError> {
    let job = &record.job;
    Ok(query
        .bind(job.id.uuid())
        .bind(job.state.as_str())
        .bind(job.stage.map(|stage| stage.as_str()))
        .bind(clamped(job.progress.done))
        .bind(clamped(job.progress.total))
        .bind(job.progress.since.map(moment::from_ms))
        .bind(job.attempt)
        .bind(record.spent)
        .bind(job.cancel_requested)
        .bind(moment::from_ms(record.not_before))
        .bind(record.hold.as_ref().map(|hold| hold.worker.clone()))
        .bind(record.hold.as_ref().map(|hold| moment::from_ms(hold.until)))
        .bind(job.failure.as_ref().map(json).transpose()?)
        .bind(job.report.as_ref().map(json).transpose()?)
        .bind(record.manifest.as_ref().map(json).transpose()?)
        .bind(job.started_at.map(moment::from_ms))
        .bind(job.finished_at.map(moment::from_ms))
        .bind(job.version)
        .bind(job.waiting.as_ref().map(json).transpose()?)
        .bind(
            job.waiting
                .as_ref()
                .map(|waiting| moment::from_ms(waiting.look_at)),
        ))
}

async fn append_news(
    connection: &mut PgConnection,
    record: &mut Record,
    now: UnixMs,
) -> Result<(), StoreError> {
    for event in std::mem::take(&mut record.news) {
        // The row of the job is locked, so no other transaction can use the same sequence number.
        sqlx::query(
            "INSERT INTO events (job, sequence, at, body)
             SELECT $1, 1 + COALESCE(MAX(sequence), 0), $2, $3::json FROM events WHERE job = $1",
        )
        .bind(record.job.id.uuid())
        .bind(moment::from_ms(now))
        .bind(json(&event)?)
        .execute(&mut *connection)
        .await?;
        outbox::enqueue(connection, &record.job, &event, now).await?;
    }
    Ok(())
}

pub(super) fn read(row: &PgRow) -> Result<Record, StoreError> {
    let job = Job {
        id: id(row, "id")?,
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
            since: moment::read_optional(row, "stage_since")?,
        },
        recipe: row.try_get::<Json<_>, _>("recipe")?.0,
        labels: row.try_get::<Json<_>, _>("labels")?.0,
        attempt: row.try_get("attempt")?,
        max_attempts: row.try_get("max_attempts")?,
        retry_of: row.try_get::<Option<Uuid>, _>("retry_of")?.map(JobId::from),
        trace: row
            .try_get::<Option<String>, _>("traceparent")?
            .and_then(|text| TraceParent::parse(&text)),
        cancel_requested: row.try_get("cancel_requested")?,
        waiting: waiting(row)?,
        failure: row
            .try_get::<Option<Json<_>>, _>("failure")?
            .map(|found| found.0),
        report: row
            .try_get::<Option<Json<_>>, _>("report")?
            .map(|found| found.0),
        created_at: moment::read(row, "created_at")?,
        started_at: moment::read_optional(row, "started_at")?,
        finished_at: moment::read_optional(row, "finished_at")?,
        deadline_at: moment::read_optional(row, "deadline_at")?,
        artifacts_removed_at: moment::read_optional(row, "artifacts_removed_at")?,
        version: row.try_get("version")?,
    };
    let worker: Option<String> = row.try_get("worker")?;
    Ok(Record {
        job,
        spent: row.try_get("spent")?,
        not_before: moment::read(row, "not_before")?,
        hold: worker
            .zip(moment::read_optional(row, "lease_until")?)
            .map(|(worker, until)| Hold { worker, until }),
        manifest: row
            .try_get::<Option<Json<_>>, _>("manifest")?
            .map(|found| found.0),
        news: Vec::new(),
    })
}

fn waiting(row: &PgRow) -> Result<Option<Waiting>, StoreError> {
    let found: Option<Json<Waiting>> = row.try_get("waiting")?;
    let both = found.zip(moment::read_optional(row, "look_at")?);
    Ok(both.map(|(Json(waiting), look_at)| Waiting { look_at, ..waiting }))
}

pub(super) fn read_event(row: &PgRow) -> Result<Event, StoreError> {
    Ok(Event {
        sequence: row.try_get("sequence")?,
        at: moment::read(row, "at")?,
        body: row.try_get::<Json<_>, _>("body")?.0,
    })
}

pub(super) fn id(row: &PgRow, column: &str) -> Result<JobId, StoreError> {
    Ok(row.try_get::<Uuid, _>(column)?.into())
}
