//! API keys in SQLite.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{SqliteFile, row};
use crate::job::Scope;
use crate::job::key::{ApiKey, FreshKey, KeyId, NewKey, StoredKey};
use crate::job::store::keys::{KeyStore, LAST_USE_EVERY_MS};
use crate::job::store::{StoreError, column};

#[async_trait]
impl KeyStore for SqliteFile {
    async fn create_key(&self, new: NewKey, fresh: &FreshKey) -> Result<ApiKey, StoreError> {
        let (mut transaction, now) = self.begin().await?;
        let made = sqlx::query(
            "INSERT INTO keys (id, tenant, name, scope, secret_sha256, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING *",
        )
        .bind(fresh.id().to_string())
        .bind(new.tenant.as_str())
        .bind(new.name)
        .bind(new.scope.as_str())
        .bind(fresh.secret_sha256().to_vec())
        .bind(now)
        .bind(new.lifetime_ms.map(|lifetime| now.saturating_add(lifetime)))
        .fetch_one(&mut *transaction)
        .await?;
        let key = read(&made)?;
        transaction.commit().await?;
        Ok(key)
    }

    async fn key(&self, id: KeyId) -> Result<Option<StoredKey>, StoreError> {
        let mut reader = self.readers.acquire().await?;
        let now = row::now(&mut reader).await?;
        let found = sqlx::query("SELECT * FROM keys WHERE id = ?1")
            .bind(id.to_string())
            .fetch_optional(&mut *reader)
            .await?;
        let stored = |found: SqliteRow| {
            let secret: Vec<u8> = found.try_get("secret_sha256")?;
            Ok(StoredKey {
                key: read(&found)?,
                secret_sha256: secret.as_slice().try_into().map_err(column::damaged)?,
                now,
            })
        };
        found.map(stored).transpose()
    }

    async fn list_keys(
        &self,
        scope: &Scope,
        before: Option<KeyId>,
        limit: usize,
    ) -> Result<(Vec<ApiKey>, bool), StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM keys WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR id < ?2)
             ORDER BY id DESC LIMIT ?3",
        )
        .bind(scope.tenant())
        .bind(before.map(|id| id.to_string()))
        .bind(column::one_more(limit))
        .fetch_all(&self.readers)
        .await?;
        column::page(&rows, limit, read)
    }

    async fn revoke_key(&self, scope: &Scope, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        let (mut transaction, now) = self.begin().await?;
        let revoked = sqlx::query(
            "UPDATE keys SET revoked_at = COALESCE(revoked_at, ?3)
             WHERE id = ?1 AND (?2 IS NULL OR tenant = ?2) RETURNING *",
        )
        .bind(id.to_string())
        .bind(scope.tenant())
        .bind(now)
        .fetch_optional(&mut *transaction)
        .await?;
        transaction.commit().await?;
        revoked.as_ref().map(read).transpose()
    }

    async fn note_use(&self, id: KeyId) -> Result<(), StoreError> {
        let (mut transaction, now) = self.begin().await?;
        sqlx::query(
            "UPDATE keys SET last_used_at = ?2 WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at <= ?3)",
        )
        .bind(id.to_string())
        .bind(now)
        .bind(now - LAST_USE_EVERY_MS)
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }
}

fn read(row: &SqliteRow) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id: column::parsed(row.try_get("id")?)?,
        tenant: column::word(row.try_get("tenant")?)?,
        name: row.try_get("name")?,
        scope: column::word(row.try_get("scope")?)?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        revoked_at: row.try_get("revoked_at")?,
        last_used_at: row.try_get("last_used_at")?,
    })
}
