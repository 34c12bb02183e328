//! The order of the queue: who comes next, and where a new job stands.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgPool};

use super::{StoreError, row};
use crate::job::queue::{Claimer, Device};
use crate::job::record::Record;
use crate::job::store::column::at_most;
use crate::job::{Job, NewJob, TenantId, UnixMs};

/// Where a new job stands.
pub(super) struct Turn {
    /// Its rank.
    pub(super) rank: i64,
    /// Jobs of its tenant that wait already.
    pub(super) waiting: i64,
}

/// Until the transaction ends, nobody else adds jobs of this tenant: what is counted stays true, and a key
/// that many use at once makes one job.
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

/// One behind the last waiting job of its tenant, but not before the front of the queue. Jobs that went back to
/// the queue keep an old rank and do not tell where its front is.
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

/// What a claim looks for: of a device ($1), and only of tenants that run fewer jobs than they may ($2).
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

/// The order of the queue, and its first row, locked.
macro_rules! first {
    ($claimable:expr) => {
        concat!(
            "SELECT *, clock_timestamp() AS now ",
            $claimable,
            " ORDER BY priority DESC, rank, id LIMIT 1 FOR UPDATE SKIP LOCKED"
        )
    };
}

/// Whether tenants may run so many jobs and no more.
fn is_limited(claimer: &Claimer) -> bool {
    claimer.quota.most_running < i64::MAX
}

/// The first record that [is claimable](Record::is_claimable) for this claimer, locked, with the database's
/// clock. Rows that another claimer has in hand are passed over, so that claimers never wait for each other;
/// only where tenants may run so many jobs and no more do claimers take turns, or two at once would overstep it.
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
            .bind(claimer.quota.most_running)
            .fetch_optional(connection)
    } else {
        sqlx::query(first!(claimable!()))
            .bind(claimer.device.as_str())
            .fetch_optional(connection)
    };
    let found = found.await?;
    found.as_ref().map(row::read_now).transpose()
}

/// What this claimer holds, locked, with the database's clock.
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

/// Whether there is such a record. No row is locked: a claim beside this one is not turned away by it.
pub(super) async fn has_claimable(pool: &PgPool, claimer: &Claimer) -> Result<bool, StoreError> {
    let found = if is_limited(claimer) {
        sqlx::query_scalar(concat!(
            "SELECT EXISTS (SELECT 1 ",
            claimable!(limited),
            ")"
        ))
        .bind(claimer.device.as_str())
        .bind(claimer.quota.most_running)
        .fetch_one(pool)
    } else {
        sqlx::query_scalar(concat!("SELECT EXISTS (SELECT 1 ", claimable!(), ")"))
            .bind(claimer.device.as_str())
            .fetch_one(pool)
    };
    Ok(found.await?)
}

/// Jobs for whose place it is time to look, held back from everybody else for so long.
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
