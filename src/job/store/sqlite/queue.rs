//! The order of the queue: which job is next, and the rank of a new job.

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::row;
use crate::job::queue::{Claimer, Device};
use crate::job::record::Record;
use crate::job::store::column::at_most;
use crate::job::store::error::StoreError;
use crate::job::{Job, NewJob, UnixMs};

/// Position of a new job in the queue.
pub(super) struct Turn {
    /// Rank of the job.
    pub(super) rank: i64,
    /// Number of queued jobs of its tenant.
    pub(super) waiting: i64,
}

/// Returns the position of a new job: one behind the last queued job of its tenant, but not before the front of the
/// queue. Requeued jobs keep their old rank, so they are ignored when the front is determined.
pub(super) async fn next_turn(
    connection: &mut SqliteConnection,
    job: &NewJob,
) -> Result<Turn, StoreError> {
    let found = sqlx::query(
        "SELECT 1 + MAX(
             COALESCE((SELECT MIN(rank) FROM jobs WHERE state = 'queued' AND device = ?2 AND priority = ?3 AND attempt = 0), 0),
             COALESCE((SELECT MAX(rank) FROM jobs WHERE state = 'queued' AND device = ?2 AND priority = ?3 AND attempt = 0 AND tenant = ?1), 0)
         ) AS rank,
         (SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND tenant = ?1) AS waiting",
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

/// Returns the first record that [is claimable](Record::is_claimable) for this claimer.
pub(super) async fn first_claimable(
    connection: &mut SqliteConnection,
    claimer: &Claimer,
    now: UnixMs,
) -> Result<Option<Record>, StoreError> {
    let found = sqlx::query(
        "SELECT * FROM jobs WHERE state IN ('queued', 'running', 'canceling') AND device = ?2
           AND CASE state WHEN 'queued' THEN not_before ELSE lease_until END <= ?1
           AND (state != 'queued' OR tenant NOT IN (
               SELECT tenant FROM jobs WHERE state IN ('running', 'canceling') GROUP BY tenant HAVING COUNT(*) >= ?3))
         ORDER BY priority DESC, rank, id LIMIT 1",
    )
    .bind(now)
    .bind(claimer.device.as_str())
    .bind(claimer.quota.max_running)
    .fetch_optional(connection)
    .await?;
    found.as_ref().map(row::read).transpose()
}

/// Returns the record that this claimer holds.
pub(super) async fn held(
    connection: &mut SqliteConnection,
    claimer: &Claimer,
) -> Result<Option<Record>, StoreError> {
    let found = sqlx::query(
        "SELECT * FROM jobs WHERE state IN ('running', 'canceling') AND worker = ?1 LIMIT 1",
    )
    .bind(&claimer.worker)
    .fetch_optional(connection)
    .await?;
    found.as_ref().map(row::read).transpose()
}

/// Returns waiting jobs whose next poll is due, and hides them from other callers for `hold_ms`.
pub(super) async fn to_look_for(
    connection: &mut SqliteConnection,
    device: Device,
    limit: usize,
    now: UnixMs,
    hold_ms: i64,
) -> Result<Vec<Job>, StoreError> {
    let rows = sqlx::query(
        "UPDATE jobs SET look_at = ?1 + ?2 WHERE id IN (
             SELECT id FROM jobs WHERE state = 'queued' AND device = ?3 AND look_at <= ?1 AND not_before > ?1
             ORDER BY look_at LIMIT ?4)
         RETURNING *",
    )
    .bind(now)
    .bind(hold_ms)
    .bind(device.as_str())
    .bind(at_most(limit))
    .fetch_all(connection)
    .await?;
    rows.iter().map(|found| Ok(row::read(found)?.job)).collect()
}
