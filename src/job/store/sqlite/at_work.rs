//! The processes with workers, the leases of running jobs, and what a queued job waits for.

use sqlx::Row as _;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use super::row;
use crate::job::Job;
use crate::job::queue::{CREW_LIFETIME_MS, Crew, HeldLease, Position, SeenCrew};
use crate::job::store::column::{parsed, word};
use crate::job::store::error::StoreError;
use crate::job::tenant::Scope;

/// Returns the processes that were seen a short time ago, and the leases in the scope.
pub(super) async fn at_work(
    readers: &SqlitePool,
    scope: &Scope,
) -> Result<(Vec<SeenCrew>, Vec<HeldLease>), StoreError> {
    let mut reader = readers.acquire().await?;
    let now = row::now(&mut reader).await?;
    let crews = sqlx::query(
        "SELECT name, device, workers, seen_at FROM crews WHERE seen_at > ?1 ORDER BY name",
    )
    .bind(now - CREW_LIFETIME_MS)
    .fetch_all(&mut *reader)
    .await?;
    let leases = sqlx::query(
        "SELECT id, worker, lease_until FROM jobs
         WHERE state IN ('running', 'canceling') AND (?1 IS NULL OR tenant = ?1) ORDER BY id",
    )
    .bind(scope.tenant())
    .fetch_all(&mut *reader)
    .await?;
    let crew = |row: &SqliteRow| {
        Ok(SeenCrew {
            crew: Crew {
                name: row.try_get(0)?,
                device: word(row.try_get(1)?)?,
                workers: row.try_get(2)?,
            },
            seen_at: row.try_get(3)?,
        })
    };
    let lease = |row: &SqliteRow| {
        Ok(HeldLease {
            job: parsed(row.try_get(0)?)?,
            worker: row.try_get(1)?,
            until: row.try_get(2)?,
        })
    };
    let crews: Result<_, StoreError> = crews.iter().map(crew).collect();
    let leases: Result<_, StoreError> = leases.iter().map(lease).collect();
    Ok((crews?, leases?))
}

/// Returns what a job waits for.
pub(super) async fn position(readers: &SqlitePool, job: &Job) -> Result<Position, StoreError> {
    let mut reader = readers.acquire().await?;
    let now = row::now(&mut reader).await?;
    let found = sqlx::query(
        "SELECT
           (SELECT COUNT(*) FROM jobs, (SELECT priority AS own FROM jobs WHERE id = ?1 AND state = 'queued')
            WHERE state = 'queued' AND device = ?2 AND tenant = ?3 AND (priority > own OR (priority = own AND id < ?1))),
           (SELECT COUNT(*) FROM jobs WHERE state IN ('running', 'canceling') AND device = ?2 AND tenant = ?3),
           (SELECT COALESCE(SUM(workers), 0) FROM crews WHERE device = ?2 AND seen_at > ?4)",
    )
    .bind(job.id.to_string())
    .bind(job.device.as_str())
    .bind(job.tenant.as_str())
    .bind(now - CREW_LIFETIME_MS)
    .fetch_one(&mut *reader)
    .await?;
    Ok(Position {
        ahead: found.try_get(0)?,
        running: found.try_get(1)?,
        workers: found.try_get(2)?,
    })
}
