//! Queries for data after its retention period, in PostgreSQL.

use async_trait::async_trait;
use sqlx::postgres::PgRow;

use super::{Sessions, moment, row};
use crate::job::JobId;
use crate::job::store::retention::Expiry;
use crate::job::store::{StoreError, column};

#[async_trait]
impl Expiry for Sessions {
    async fn with_old_files(&self, age_ms: i64, limit: usize) -> Result<Vec<JobId>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let now = moment::now(&mut connection).await?;
        let rows = sqlx::query(
            "SELECT id FROM jobs WHERE manifest IS NOT NULL AND artifacts_removed_at IS NULL AND finished_at <= $1
             ORDER BY finished_at LIMIT $2",
        )
        .bind(moment::from_ms(now.saturating_sub(age_ms)))
        .bind(column::at_most(limit))
        .fetch_all(&mut *connection)
        .await?;
        ids(&rows)
    }

    async fn note_files_removed(&self, id: JobId) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE jobs SET artifacts_removed_at = GREATEST(clock_timestamp(), finished_at), version = version + 1
             WHERE id = $1 AND manifest IS NOT NULL AND artifacts_removed_at IS NULL",
        )
        .bind(id.uuid())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn ended_long_ago(&self, age_ms: i64, limit: usize) -> Result<Vec<JobId>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let now = moment::now(&mut connection).await?;
        let rows = sqlx::query(
            "SELECT id FROM jobs WHERE finished_at IS NOT NULL AND finished_at <= $1 ORDER BY finished_at LIMIT $2",
        )
        .bind(moment::from_ms(now.saturating_sub(age_ms)))
        .bind(column::at_most(limit))
        .fetch_all(&mut *connection)
        .await?;
        ids(&rows)
    }
}

fn ids(rows: &[PgRow]) -> Result<Vec<JobId>, StoreError> {
    rows.iter().map(|found| row::id(found, "id")).collect()
}
