//! The audit log in SQLite.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::SqliteFile;
use crate::job::Scope;
use crate::job::audit::{Deed, Entry};
use crate::job::store::audit::AuditLog;
use crate::job::store::{StoreError, column};

#[async_trait]
impl AuditLog for SqliteFile {
    async fn record_deed(&self, deed: Deed) -> Result<(), StoreError> {
        let (mut transaction, now) = self.begin().await?;
        sqlx::query(
            "INSERT INTO audit (at, tenant, key, method, route, subject, status, request_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .bind(now)
        .bind(deed.tenant.as_str())
        .bind(deed.key.map(|key| key.to_string()))
        .bind(deed.method)
        .bind(deed.route)
        .bind(deed.subject)
        .bind(i64::from(deed.status))
        .bind(deed.request_id)
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    async fn deeds(
        &self,
        scope: &Scope,
        before: Option<i64>,
        limit: usize,
    ) -> Result<(Vec<Entry>, bool), StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM audit WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR sequence < ?2)
             ORDER BY sequence DESC LIMIT ?3",
        )
        .bind(scope.tenant())
        .bind(before)
        .bind(column::one_more(limit))
        .fetch_all(&self.readers)
        .await?;
        column::page(&rows, limit, read)
    }

    async fn forget_deeds(&self, age_ms: i64) -> Result<u64, StoreError> {
        let (mut transaction, now) = self.begin().await?;
        let deleted = sqlx::query("DELETE FROM audit WHERE at <= ?1")
            .bind(now.saturating_sub(age_ms))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected())
    }
}

fn read(row: &SqliteRow) -> Result<Entry, StoreError> {
    let key: Option<String> = row.try_get("key")?;
    Ok(Entry {
        sequence: row.try_get("sequence")?,
        at: row.try_get("at")?,
        deed: Deed {
            tenant: column::word(row.try_get("tenant")?)?,
            key: key.map(column::parsed).transpose()?,
            method: row.try_get("method")?,
            route: row.try_get("route")?,
            subject: row.try_get("subject")?,
            status: u16::try_from(row.try_get::<i64, _>("status")?).map_err(column::damaged)?,
            request_id: row.try_get("request_id")?,
        },
    })
}
