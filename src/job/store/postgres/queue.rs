//! The order of the queue: which job is next, and the rank of a new job.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgPool};

use super::row;
use crate::job::queue::{Claimer, Device};
use crate::job::record::Record;
use crate::job::store::column::at_most;
use crate::job::store::error::StoreError;
use crate::job::{Job, NewJob, TenantId, UnixMs};

/// Position of a new job in the queue.
pub(super) struct Turn {
    /// Rank of the job.
    pub(super) rank: i64,
    /// Number of queued jobs of its tenant.
    pub(super) waiting: i64,
}

/// Locks the tenant until the transaction ends, so that no other transaction adds jobs or webhooks of this tenant. So
/// counts stay correct, and concurrent requests with one idempotency key create one job.
pub(super) async fn lock_tenant(
    connection: &mut PgConnection,
    tenant: &TenantId,
) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(tenant.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Returns the position of a new job: one behind the last queued job of its tenant, but not before the front of the
/// queue. Requeued jobs keep their old rank, so they are ignored when the front is determined.
pub(super) async fn next_turn(
    connection: &mut PgConnection,
    job: &NewJob,
) -> Result<Turn, StoreError> {
    let found = sqlx::query(
        "SELECT 1 + GREATEST(
             (SELECT MIN(rank) FROM jobs WHERE state = 'queued' AND device = $2 AND priority = $3 AND attempt = 0),
             (SELECT MAX(rank) FROM jobs WHERE state = 'queued' AND device = $2 AND priority = $3 AND attempt = 0 AND tenant = $1),
             0
         ) AS rank,
         (SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND tenant = $1) AS waiting",
    )
    .bind(job.tenant.as_str())
    .bind(job.device.as_str())
    .bind(job.priority)
    .fetch_one(connection)
    .await?;
    Ok(Turn {
        rank: found.try_get("rank")?,
        waiting: found.try_get("waiting")?,
    })
}

/// The rows that a claim may select: jobs of a device ($1); with `limited`, queued jobs only of tenants that run fewer
/// than $2 jobs.
macro_rules! claimable {
    () => {
        "FROM jobs
         WHERE state IN ('queued', 'running', 'canceling') AND device = $1
           AND CASE state WHEN 'queued' THEN not_before ELSE lease_until END <= clock_timestamp()"
    };
    (limited) => {
        concat!(
            claimable!(),
            " AND (state <> 'queued' OR tenant NOT IN (
                  SELECT tenant FROM jobs WHERE state IN ('running', 'canceling') GROUP BY tenant HAVING COUNT(*) >= $2))"
        )
    };
}

/// Selects and locks the first of these rows in the order of the queue.
macro_rules! first {
    ($claimable:expr) => {
        concat!(
            "SELECT *, clock_timestamp() AS now ",
            $claimable,
            " ORDER BY priority DESC, rank, id LIMIT 1 FOR UPDATE SKIP LOCKED"
        )
    };
}

/// Returns whether the number of running jobs per tenant is limited.
fn is_limited(claimer: &Claimer) -> bool {
    claimer.quota.max_running < i64::MAX
}

/// Returns the first record that [is claimable](Record::is_claimable) for this claimer, locked, with the database time.
///
/// Rows that another claimer has locked are skipped, so that claimers never wait for each other. But if the number of
/// running jobs per tenant is limited, claimers run one after another, because concurrent claims could exceed the
/// limit.
pub(super) async fn first_claimable(
    connection: &mut PgConnection,
    claimer: &Claimer,
) -> Result<Option<(Record, UnixMs)>, StoreError> {
    let found = if is_limited(claimer) {
        sqlx::query("SELECT pg_advisory_xact_lock(hashtext('optin claim'), 0)")
            .execute(&mut *connection)
            .await?;
        sqlx::query(first!(claimable!(limited)))
            .bind(claimer.device.as_str())
            .bind(claimer.quota.max_running)
            .fetch_optional(connection)
    } else {
        sqlx::query(first!(claimable!()))
            .bind(claimer.device.as_str())
            .fetch_optional(connection)
    };
    let found = found.await?;
    found.as_ref().map(row::read_now).transpose()
}

/// Returns the record that this claimer holds, locked, with the database time.
pub(super) async fn held(
    connection: &mut PgConnection,
    claimer: &Claimer,
) -> Result<Option<(Record, UnixMs)>, StoreError> {
    let found = sqlx::query(
        "SELECT *, clock_timestamp() AS now FROM jobs
         WHERE state IN ('running', 'canceling') AND worker = $1 LIMIT 1 FOR UPDATE",
    )
    .bind(&claimer.worker)
    .fetch_optional(connection)
    .await?;
    found.as_ref().map(row::read_now).transpose()
}

/// Returns whether [`first_claimable`] would find a record. No row is locked, so that concurrent claims do not skip
/// any.
pub(super) async fn has_claimable(pool: &PgPool, claimer: &Claimer) -> Result<bool, StoreError> {
    let found = if is_limited(claimer) {
        sqlx::query_scalar(concat!(
            "SELECT EXISTS (SELECT 1 ",
            claimable!(limited),
            ")"
        ))
        .bind(claimer.device.as_str())
        .bind(claimer.quota.max_running)
        .fetch_one(pool)
    } else {
        sqlx::query_scalar(concat!("SELECT EXISTS (SELECT 1 ", claimable!(), ")"))
            .bind(claimer.device.as_str())
            .fetch_one(pool)
    };
    Ok(found.await?)
}

/// Returns waiting jobs whose next poll is due, and hides them from other callers for `hold_ms`.
pub(super) async fn to_look_for(
    pool: &PgPool,
    device: Device,
    limit: usize,
    hold_ms: i64,
) -> Result<Vec<Job>, StoreError> {
    let rows = sqlx::query(
        "UPDATE jobs SET look_at = clock_timestamp() + $2 * interval '1 millisecond' WHERE id IN (
             SELECT id FROM jobs
             WHERE state = 'queued' AND device = $1 AND look_at <= clock_timestamp() AND not_before > clock_timestamp()
             ORDER BY look_at LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING *",
    )
    .bind(device.as_str())
    .bind(hold_ms)
    .bind(at_most(limit))
    .fetch_all(pool)
    .await?;
    rows.iter().map(|found| Ok(row::read(found)?.job)).collect()
}
