//! The store of API keys, as a trait.

use async_trait::async_trait;

use super::error::StoreError;
use crate::job::Scope;
use crate::job::key::{ApiKey, FreshKey, KeyId, NewKey, StoredKey};

/// Minimum interval between two writes of the last use of a key, in milliseconds.
pub const LAST_USE_EVERY_MS: i64 = 60_000;

/// Store of API keys. All times are database time. A key outside the scope of a call is reported as not found.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Stores a key. Of its secret, only the digest is stored.
    async fn create_key(&self, new: NewKey, fresh: &FreshKey) -> Result<ApiKey, StoreError>;

    /// Returns the key with this id, even if it is expired or revoked.
    async fn key(&self, id: KeyId) -> Result<Option<StoredKey>, StoreError>;

    /// Returns keys older than `before`, newest first, at most `limit`; and whether more follow.
    async fn list_keys(
        &self,
        scope: &Scope,
        before: Option<KeyId>,
        limit: usize,
    ) -> Result<(Vec<ApiKey>, bool), StoreError>;

    /// Revokes a key and returns it; `None` if it is not found. Revoking it again changes nothing.
    async fn revoke_key(&self, scope: &Scope, id: KeyId) -> Result<Option<ApiKey>, StoreError>;

    /// Writes the time of the last use, unless it was written within [`LAST_USE_EVERY_MS`].
    async fn note_use(&self, id: KeyId) -> Result<(), StoreError>;
}
