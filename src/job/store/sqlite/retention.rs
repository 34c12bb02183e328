//! Queries for data after its retention period, in SQLite.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{SqliteFile, row};
use crate::job::JobId;
use crate::job::store::retention::Expiry;
use crate::job::store::{StoreError, column};

#[async_trait]
impl Expiry for SqliteFile {
    async fn with_old_files(&self, age_ms: i64, limit: usize) -> Result<Vec<JobId>, StoreError> {
        let mut reader = self.readers.acquire().await?;
        let now = row::now(&mut reader).await?;
        let rows = sqlx::query(
            "SELECT id FROM jobs WHERE manifest IS NOT NULL AND artifacts_removed_at IS NULL AND finished_at <= ?1
             ORDER BY finished_at LIMIT ?2",
        )
        .bind(now.saturating_sub(age_ms))
        .bind(column::at_most(limit))
        .fetch_all(&mut *reader)
        .await?;
        ids(&rows)
    }

    async fn note_files_removed(&self, id: JobId) -> Result<(), StoreError> {
        let (mut transaction, now) = self.begin().await?;
        sqlx::query(
            "UPDATE jobs SET artifacts_removed_at = MAX(?2, finished_at), version = version + 1
             WHERE id = ?1 AND manifest IS NOT NULL AND artifacts_removed_at IS NULL",
        )
        .bind(id.to_string())
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    async fn ended_long_ago(&self, age_ms: i64, limit: usize) -> Result<Vec<JobId>, StoreError> {
        let mut reader = self.readers.acquire().await?;
        let now = row::now(&mut reader).await?;
        let rows = sqlx::query(
            "SELECT id FROM jobs WHERE finished_at IS NOT NULL AND finished_at <= ?1 ORDER BY finished_at LIMIT ?2",
        )
        .bind(now.saturating_sub(age_ms))
        .bind(column::at_most(limit))
        .fetch_all(&mut *reader)
        .await?;
        ids(&rows)
    }
}

fn ids(rows: &[SqliteRow]) -> Result<Vec<JobId>, StoreError> {
    rows.iter()
        .map(|found| column::parsed(found.try_get("id")?))
        .collect()
}
