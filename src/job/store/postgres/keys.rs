//! API keys in PostgreSQL.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{Sessions, moment};
use crate::job::Scope;
use crate::job::key::{ApiKey, FreshKey, KeyId, NewKey, StoredKey};
use crate::job::store::keys::{KeyStore, LAST_USE_EVERY_MS};
use crate::job::store::{StoreError, column};

#[async_trait]
impl KeyStore for Sessions {
    async fn create_key(&self, new: NewKey, fresh: &FreshKey) -> Result<ApiKey, StoreError> {
        let (mut transaction, now) = self.begin().await?;
        let expires = new.lifetime_ms.map(|lifetime| now.saturating_add(lifetime));
        let made = sqlx::query(
            "INSERT INTO keys (id, tenant, name, scope, secret_sha256, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *",
        )
        .bind(fresh.id().uuid())
        .bind(new.tenant.as_str())
        .bind(new.name)
        .bind(new.scope.as_str())
        .bind(fresh.secret_sha256().to_vec())
        .bind(moment::from_ms(now))
        .bind(expires.map(moment::from_ms))
        .fetch_one(&mut *transaction)
        .await?;
        let key = read(&made)?;
        transaction.commit().await?;
        Ok(key)
    }

    async fn key(&self, id: KeyId) -> Result<Option<StoredKey>, StoreError> {
        let found = sqlx::query("SELECT *, clock_timestamp() AS now FROM keys WHERE id = $1")
            .bind(id.uuid())
            .fetch_optional(&self.pool)
            .await?;
        let stored = |found: PgRow| {
            let secret: Vec<u8> = found.try_get("secret_sha256")?;
            Ok(StoredKey {
                key: read(&found)?,
                secret_sha256: secret.as_slice().try_into().map_err(column::damaged)?,
                now: moment::read(&found, "now")?,
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
            "SELECT * FROM keys WHERE ($1::text IS NULL OR tenant = $1) AND ($2::uuid IS NULL OR id < $2)
             ORDER BY id DESC LIMIT $3",
        )
        .bind(scope.tenant())
        .bind(before.map(KeyId::uuid))
        .bind(column::one_more(limit))
        .fetch_all(&self.pool)
        .await?;
        column::page(&rows, limit, read)
    }

    async fn revoke_key(&self, scope: &Scope, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        let revoked = sqlx::query(
            "UPDATE keys SET revoked_at = COALESCE(revoked_at, clock_timestamp())
             WHERE id = $1 AND ($2::text IS NULL OR tenant = $2) RETURNING *",
        )
        .bind(id.uuid())
        .bind(scope.tenant())
        .fetch_optional(&self.pool)
        .await?;
        revoked.as_ref().map(read).transpose()
    }

    async fn note_use(&self, id: KeyId) -> Result<(), StoreError> {
        let (mut transaction, now) = self.begin().await?;
        sqlx::query(
            "UPDATE keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)",
        )
        .bind(id.uuid())
        .bind(moment::from_ms(now))
        .bind(moment::from_ms(now - LAST_USE_EVERY_MS))
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }
}

fn read(row: &PgRow) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id: row.try_get::<Uuid, _>("id")?.into(),
        tenant: column::word(row.try_get("tenant")?)?,
        name: row.try_get("name")?,
        scope: column::word(row.try_get("scope")?)?,
        created_at: moment::read(row, "created_at")?,
        expires_at: moment::read_optional(row, "expires_at")?,
        revoked_at: moment::read_optional(row, "revoked_at")?,
        last_used_at: moment::read_optional(row, "last_used_at")?,
    })
}
