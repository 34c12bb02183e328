//! The order of the queue: which job is next, and who had the last turns.

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::row;
use crate::job::queue::{CREW_LIFETIME_MS, Claimer, Crew, Device};
use crate::job::record::Record;
use crate::job::store::column::at_most;
use crate::job::store::error::StoreError;
use crate::job::{Job, TenantId, UnixMs};

/// Returns the number of queued jobs of a tenant.
pub(super) async fn count_queued(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
) -> Result<i64, StoreError> {
    let found = sqlx::query("SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND tenant = ?1")
        .bind(tenant.as_str())
        .fetch_one(connection)
        .await?;
    Ok(found.try_get(0)?)
}

/// Selects the first claimable job: `tenants` are those with jobs on the device, found one after another in the index,
/// and `next` is the first job of each one that may be claimed. A tenant with expired leases counts without them.
const FIRST: &str = "
    WITH RECURSIVE tenants (tenant) AS (
        SELECT MIN(tenant) FROM jobs WHERE state IN ('queued', 'running', 'canceling') AND device = ?2
        UNION ALL
        SELECT (SELECT MIN(tenant) FROM jobs
                WHERE state IN ('queued', 'running', 'canceling') AND device = ?2 AND tenant > tenants.tenant)
        FROM tenants WHERE tenants.tenant IS NOT NULL
    ),
    running AS MATERIALIZED (
        SELECT tenant, COUNT(*) AS everywhere, COUNT(*) FILTER (WHERE device = ?2) AS here,
               COUNT(*) FILTER (WHERE device = ?2 AND lease_until > ?1) AS alive
        FROM jobs WHERE state IN ('running', 'canceling') GROUP BY tenant
    ),
    share (most) AS MATERIALIZED (
        SELECT CASE WHEN (SELECT MIN(tenant) < MAX(tenant) FROM keys
                          WHERE revoked_at IS NULL AND scope IN ('write', 'admin') AND COALESCE(expires_at > ?1, TRUE))
                    THEN (SELECT MAX(SUM(workers) - 1, 1) FROM crews WHERE device = ?2 AND seen_at > ?1 - ?4) END
    ),
    next (tenant, alive, job) AS (
        SELECT tenants.tenant, COALESCE(alive, 0), (
            SELECT id FROM jobs WHERE device = ?2 AND tenant = tenants.tenant AND state IN ('queued', 'running', 'canceling')
                AND CASE state WHEN 'queued' THEN not_before ELSE lease_until END <= ?1
                AND (state != 'queued' OR CASE WHEN ?3 IS NULL THEN COALESCE(COALESCE(here, 0) < most, TRUE)
                                               ELSE COALESCE(everywhere, 0) < ?3 END)
            ORDER BY priority DESC, id LIMIT 1)
        FROM tenants CROSS JOIN share LEFT JOIN running ON running.tenant = tenants.tenant
    )
    SELECT jobs.* FROM next JOIN jobs ON jobs.id = next.job
    LEFT JOIN turns ON turns.tenant = next.tenant AND turns.device = ?2
    ORDER BY next.alive, turns.turn NULLS FIRST, next.tenant LIMIT 1";

/// Returns the first record that [is claimable](Record::is_claimable) for this claimer.
pub(super) async fn first_claimable(
    connection: &mut SqliteConnection,
    claimer: &Claimer,
    now: UnixMs,
) -> Result<Option<Record>, StoreError> {
    let found = sqlx::query(FIRST)
        .bind(now)
        .bind(claimer.device.as_str())
        .bind(claimer.quota.max_running)
        .bind(CREW_LIFETIME_MS)
        .fetch_optional(connection)
        .await?;
    found.as_ref().map(row::read).transpose()
}

/// Notes that the tenant of a job had the last turn.
pub(super) async fn note_turn(
    connection: &mut SqliteConnection,
    job: &Job,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO turns (tenant, device, turn)
         VALUES (?1, ?2, 1 + COALESCE((SELECT MAX(turn) FROM turns WHERE device = ?2), 0))
         ON CONFLICT (tenant, device) DO UPDATE SET turn = excluded.turn",
    )
    .bind(job.tenant.as_str())
    .bind(job.device.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that a process runs workers, and forgets processes that have ended.
pub(super) async fn note_crew(
    connection: &mut SqliteConnection,
    crew: &Crew,
    now: UnixMs,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO crews (name, device, workers, seen_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET device = excluded.device, workers = excluded.workers, seen_at = excluded.seen_at",
    )
    .bind(&crew.name)
    .bind(crew.device.as_str())
    .bind(crew.workers)
    .bind(now)
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM crews WHERE seen_at <= ?1")
        .bind(now - CREW_LIFETIME_MS)
        .execute(connection)
        .await?;
    Ok(())
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
