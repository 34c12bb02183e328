//! The order of the queue: which job is next, and who had the last turns.

use sqlx::postgres::{PgConnection, PgPool};

use super::row;
use crate::job::queue::{CREW_LIFETIME_MS, Claimer, Crew, Device};
use crate::job::record::Record;
use crate::job::store::column::at_most;
use crate::job::store::error::StoreError;
use crate::job::{Job, TenantId, UnixMs};

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

/// Returns the number of queued jobs of a tenant.
pub(super) async fn count_queued(
    connection: &mut PgConnection,
    tenant: &TenantId,
) -> Result<i64, StoreError> {
    let count =
        sqlx::query_scalar("SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND tenant = $1")
            .bind(tenant.as_str())
            .fetch_one(connection);
    Ok(count.await?)
}

/// Selects the ids of claimable jobs of a device ($1) with a limit of running jobs per tenant ($2): `tenants` are those
/// with jobs on the device, found one after another in the index, and `next` are the first jobs of each one that may be
/// claimed. There is more than one, because a row may be locked. A tenant with expired leases counts without them.
macro_rules! claimable {
    () => {
        "WITH RECURSIVE tenants AS (
             SELECT MIN(tenant) AS tenant FROM jobs WHERE state IN ('queued', 'running', 'canceling') AND device = $1
             UNION ALL
             SELECT (SELECT MIN(tenant) FROM jobs
                     WHERE state IN ('queued', 'running', 'canceling') AND device = $1 AND tenant > tenants.tenant)
             FROM tenants WHERE tenants.tenant IS NOT NULL
         ),
         running AS (
             SELECT tenant, COUNT(*) AS everywhere, COUNT(*) FILTER (WHERE device = $1) AS here,
                    COUNT(*) FILTER (WHERE device = $1 AND lease_until > clock_timestamp()) AS alive
             FROM jobs WHERE state IN ('running', 'canceling') GROUP BY tenant
         ),
         share AS (
             SELECT CASE WHEN (SELECT MIN(tenant) < MAX(tenant) FROM keys
                               WHERE revoked_at IS NULL AND scope IN ('write', 'admin')
                                 AND COALESCE(expires_at > clock_timestamp(), true))
                         THEN (SELECT GREATEST(SUM(workers) - 1, 1) FROM crews
                               WHERE device = $1 AND seen_at > clock_timestamp() - $3 * interval '1 millisecond'
                               HAVING COUNT(*) > 0) END AS most
         )
         SELECT next.id FROM tenants
         CROSS JOIN share
         LEFT JOIN running ON running.tenant = tenants.tenant
         LEFT JOIN turns ON turns.tenant = tenants.tenant AND turns.device = $1
         CROSS JOIN LATERAL (
             SELECT id, priority FROM jobs
             WHERE device = $1 AND tenant = tenants.tenant AND state IN ('queued', 'running', 'canceling')
               AND CASE state WHEN 'queued' THEN not_before ELSE lease_until END <= clock_timestamp()
               AND (state <> 'queued' OR CASE WHEN $2::bigint IS NULL THEN COALESCE(COALESCE(here, 0) < most, true)
                                              ELSE COALESCE(everywhere, 0) < $2 END)
             ORDER BY priority DESC, id LIMIT 4
         ) AS next"
    };
}

/// Locks and selects the first of these jobs in the order of the queue that no other transaction has locked. The array
/// keeps the planner from joining all jobs.
const FIRST: &str = concat!(
    "SELECT jobs.*, clock_timestamp() AS now FROM unnest(ARRAY(",
    claimable!(),
    " ORDER BY COALESCE(alive, 0), turn NULLS FIRST, tenants.tenant, next.priority DESC, next.id LIMIT 8
     )) WITH ORDINALITY AS next (id, position)
     JOIN jobs ON jobs.id = next.id
     WHERE state IN ('queued', 'running', 'canceling')
       AND CASE state WHEN 'queued' THEN not_before ELSE lease_until END <= clock_timestamp()
     ORDER BY position LIMIT 1 FOR UPDATE OF jobs SKIP LOCKED"
);

/// Returns the first record that [is claimable](Record::is_claimable) for this claimer, locked, with the database time.
///
/// Claimers run one after another: concurrent ones would all give the turn to the same tenant, and could exceed the
/// limit of running jobs. Rows that other transactions have locked are skipped.
pub(super) async fn first_claimable(
    connection: &mut PgConnection,
    claimer: &Claimer,
) -> Result<Option<(Record, UnixMs)>, StoreError> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('optin claim'), 0)")
        .execute(&mut *connection)
        .await?;
    let found = sqlx::query(FIRST)
        .bind(claimer.device.as_str())
        .bind(claimer.quota.max_running)
        .bind(CREW_LIFETIME_MS)
        .fetch_optional(connection)
        .await?;
    found.as_ref().map(row::read_now).transpose()
}

/// Notes that the tenant of a job had the last turn.
pub(super) async fn note_turn(connection: &mut PgConnection, job: &Job) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO turns (tenant, device, turn)
         SELECT $1, $2, 1 + COALESCE(MAX(turn), 0) FROM turns WHERE device = $2
         ON CONFLICT (tenant, device) DO UPDATE SET turn = excluded.turn",
    )
    .bind(job.tenant.as_str())
    .bind(job.device.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that a process runs workers, and forgets processes that have ended.
pub(super) async fn note_crew(pool: &PgPool, crew: &Crew) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO crews (name, device, workers, seen_at) VALUES ($1, $2, $3, clock_timestamp())
         ON CONFLICT (name) DO UPDATE
         SET device = excluded.device, workers = excluded.workers, seen_at = excluded.seen_at",
    )
    .bind(&crew.name)
    .bind(crew.device.as_str())
    .bind(crew.workers)
    .execute(pool)
    .await?;
    sqlx::query(
        "DELETE FROM crews WHERE seen_at <= clock_timestamp() - $1 * interval '1 millisecond'",
    )
    .bind(CREW_LIFETIME_MS)
    .execute(pool)
    .await?;
    Ok(())
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
    let found = sqlx::query_scalar(concat!("SELECT EXISTS (", claimable!(), ")"))
        .bind(claimer.device.as_str())
        .bind(claimer.quota.max_running)
        .bind(CREW_LIFETIME_MS)
        .fetch_one(pool);
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
