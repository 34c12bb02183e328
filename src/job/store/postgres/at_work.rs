//! The processes with workers, the leases of running jobs, and what a queued job waits for.

use sqlx::Row as _;
use sqlx::postgres::{PgPool, PgRow};
use uuid::Uuid;

use super::moment;
use crate::job::queue::{CREW_LIFETIME_MS, Crew, HeldLease, Position, SeenCrew};
use crate::job::store::column::word;
use crate::job::store::error::StoreError;
use crate::job::tenant::Scope;
use crate::job::{Job, JobId};

/// Returns the processes that were seen a short time ago, and the leases in the scope.
pub(super) async fn at_work(
    pool: &PgPool,
    scope: &Scope,
) -> Result<(Vec<SeenCrew>, Vec<HeldLease>), StoreError> {
    let mut connection = pool.acquire().await?;
    let crews = sqlx::query(
        "SELECT name, device, workers, seen_at FROM crews
         WHERE seen_at > clock_timestamp() - $1 * interval '1 millisecond' ORDER BY name",
    )
    .bind(CREW_LIFETIME_MS)
    .fetch_all(&mut *connection)
    .await?;
    let leases = sqlx::query(
        "SELECT id, worker, lease_until FROM jobs
         WHERE state IN ('running', 'canceling') AND ($1::text IS NULL OR tenant = $1) ORDER BY id",
    )
    .bind(scope.tenant())
    .fetch_all(&mut *connection)
    .await?;
    let crew = |row: &PgRow| {
        Ok(SeenCrew {
            crew: Crew {
                name: row.try_get("name")?,
                device: word(row.try_get("device")?)?,
                workers: row.try_get("workers")?,
            },
            seen_at: moment::read(row, "seen_at")?,
        })
    };
    let lease = |row: &PgRow| {
        Ok(HeldLease {
            job: JobId::from(row.try_get::<Uuid, _>("id")?),
            worker: row.try_get("worker")?,
            until: moment::read(row, "lease_until")?,
        })
    };
    let crews: Result<_, StoreError> = crews.iter().map(crew).collect();
    let leases: Result<_, StoreError> = leases.iter().map(lease).collect();
    Ok((crews?, leases?))
}

/// Returns what a job waits for.
pub(super) async fn position(pool: &PgPool, job: &Job) -> Result<Position, StoreError> {
    let found = sqlx::query(
        "SELECT
           (SELECT COUNT(*) FROM jobs, (SELECT priority AS own FROM jobs WHERE id = $1 AND state = 'queued') AS this
            WHERE state = 'queued' AND device = $2 AND tenant = $3 AND (priority > own OR (priority = own AND id < $1)))
             AS ahead,
           (SELECT COUNT(*) FROM jobs WHERE state IN ('running', 'canceling') AND device = $2 AND tenant = $3) AS running,
           (SELECT COALESCE(SUM(workers), 0)::bigint FROM crews
            WHERE device = $2 AND seen_at > clock_timestamp() - $4 * interval '1 millisecond') AS workers",
    )
    .bind(job.id.uuid())
    .bind(job.device.as_str())
    .bind(job.tenant.as_str())
    .bind(CREW_LIFETIME_MS)
    .fetch_one(pool)
    .await?;
    Ok(Position {
        ahead: found.try_get("ahead")?,
        running: found.try_get("running")?,
        workers: found.try_get("workers")?,
    })
}
