//! The audit log in PostgreSQL.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{DELETE_BATCH, Sessions, moment};
use crate::job::Scope;
use crate::job::audit::{Deed, Entry};
use crate::job::key::KeyId;
use crate::job::store::audit::AuditLog;
use crate::job::store::{StoreError, column};

#[async_trait]
impl AuditLog for Sessions {
    async fn record_deed(&self, deed: Deed) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO audit (at, tenant, key, method, route, subject, status, request_id)
             VALUES (clock_timestamp(), $1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(deed.tenant.as_str())
        .bind(deed.key.map(KeyId::uuid))
        .bind(deed.method)
        .bind(deed.route)
        .bind(deed.subject)
        .bind(i64::from(deed.status))
        .bind(deed.request_id)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn deeds(
        &self,
        scope: &Scope,
        before: Option<i64>,
        limit: usize,
    ) -> Result<(Vec<Entry>, bool), StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM audit WHERE ($1::text IS NULL OR tenant = $1) AND ($2::bigint IS NULL OR sequence < $2)
             ORDER BY sequence DESC LIMIT $3",
        )
        .bind(scope.tenant())
        .bind(before)
        .bind(column::one_more(limit))
        .fetch_all(&self.pool)
        .await?;
        column::page(&rows, limit, read)
    }

    async fn forget_deeds(&self, age_ms: i64) -> Result<u64, StoreError> {
        let (mut transaction, now) = self.begin().await?;
        let deleted = sqlx::query(
            "DELETE FROM audit WHERE ctid IN (SELECT ctid FROM audit WHERE at <= $1 LIMIT $2)",
        )
        .bind(moment::from_ms(now.saturating_sub(age_ms)))
        .bind(DELETE_BATCH)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected())
    }
}

fn read(row: &PgRow) -> Result<Entry, StoreError> {
    Ok(Entry {
        sequence: row.try_get("sequence")?,
        at: moment::read(row, "at")?,
        deed: Deed {
            tenant: column::word(row.try_get("tenant")?)?,
            key: row.try_get::<Option<Uuid>, _>("key")?.map(KeyId::from),
            method: row.try_get("method")?,
            route: row.try_get("route")?,
            subject: row.try_get("subject")?,
            status: u16::try_from(row.try_get::<i64, _>("status")?).map_err(column::damaged)?,
            request_id: row.try_get("request_id")?,
        },
    })
}
