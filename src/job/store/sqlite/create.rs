//! Creates a job with its idempotency key, within the caller's transaction.

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::{queue, row};
use crate::job::queue::Quota;
use crate::job::record::Record;
use crate::job::store::column;
use crate::job::store::error::StoreError;
use crate::job::store::{Created, IdempotencyKey, KEY_LIFETIME_MS};
use crate::job::{Job, NewJob, Scope, UnixMs};

/// Returns the job of this idempotency key, or creates a new one.
pub(super) async fn create(
    connection: &mut SqliteConnection,
    job: NewJob,
    key: Option<IdempotencyKey>,
    quota: Quota,
    now: UnixMs,
) -> Result<Created, StoreError> {
    if let Some(key) = &key
        && let Some(job) = replayed(connection, &job, key, now).await?
    {
        return Ok(Created::Replayed(job));
    }
    if queue::count_queued(connection, &job.tenant).await? >= quota.max_queued {
        return Err(StoreError::QuotaExceeded {
            most: quota.max_queued,
        });
    }
    let mut record = Record::accept(job, now);
    row::insert(connection, &mut record, now).await?;
    if let Some(key) = &key {
        sqlx::query("INSERT OR REPLACE INTO idempotency_keys (tenant, key, body_sha256, job, created_at) VALUES (?1, ?2, ?3, ?4, ?5)")
            .bind(record.job.tenant.as_str())
            .bind(&key.key)
            .bind(&key.body_sha256)
            .bind(record.job.id.to_string())
            .bind(now)
            .execute(connection)
            .await?;
    }
    Ok(Created::New(record.job))
}

/// Returns the job that an earlier request with this key created.
async fn replayed(
    connection: &mut SqliteConnection,
    job: &NewJob,
    key: &IdempotencyKey,
    now: UnixMs,
) -> Result<Option<Job>, StoreError> {
    let known = sqlx::query(
        "SELECT job, body_sha256 FROM idempotency_keys WHERE tenant = ?1 AND key = ?2 AND created_at > ?3",
    )
    .bind(job.tenant.as_str())
    .bind(&key.key)
    .bind(now - KEY_LIFETIME_MS)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(known) = known else { return Ok(None) };
    if known.try_get::<String, _>("body_sha256")? != key.body_sha256 {
        return Err(StoreError::KeyReused);
    }
    let id = column::parsed(known.try_get("job")?)?;
    let record = row::load(connection, &Scope::Service, id).await?;
    Ok(Some(record.job))
}
