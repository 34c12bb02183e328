//! The order of the queue: who comes next, and where a new job stands.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::{StoreError, row};
use crate::job::queue::Claimer;
use crate::job::record::Record;
use crate::job::{NewJob, TenantId, UnixMs};

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

/// The first record that [is claimable](Record::is_claimable) for this claimer, locked, with the database's
/// clock. Rows that another claimer has in hand are passed over, so that claimers never wait for each other;
/// only where tenants may run so many jobs and no more do claimers take turns, or two at once would overstep it.
pub(super) async fn first_claimable(
    connection: &mut PgConnection,
    claimer: &Claimer,
) -> Result<Option<(Record, UnixMs)>, StoreError> {
    let limited = claimer.quota.most_running < i64::MAX;
    let found = if limited {
        sqlx::query("SELECT pg_advisory_xact_lock(hashtext('optin claim'), 0)")
            .execute(&mut *connection)
            .await?;
        sqlx::query(
            "SELECT *, clock_timestamp() AS now FROM jobs
             WHERE state IN ('queued', 'running', 'canceling') AND device = $1
               AND CASE state WHEN 'queued' THEN not_before ELSE lease_until END <= clock_timestamp()
               AND (state <> 'queued' OR tenant NOT IN (
                   SELECT tenant FROM jobs WHERE state IN ('running', 'canceling') GROUP BY tenant HAVING COUNT(*) >= $2))
             ORDER BY priority DESC, rank, id LIMIT 1 FOR UPDATE SKIP LOCKED",
        )
        .bind(claimer.device.as_str())
        .bind(claimer.quota.most_running)
        .fetch_optional(connection)
    } else {
        sqlx::query(
            "SELECT *, clock_timestamp() AS now FROM jobs
             WHERE state IN ('queued', 'running', 'canceling') AND device = $1
               AND CASE state WHEN 'queued' THEN not_before ELSE lease_until END <= clock_timestamp()
             ORDER BY priority DESC, rank, id LIMIT 1 FOR UPDATE SKIP LOCKED",
        )
        .bind(claimer.device.as_str())
        .fetch_optional(connection)
    };
    let found = found.await?;
    let read = |found| Ok((row::read(found)?, row::at(found, "now")?));
    found.as_ref().map(read).transpose()
}
