//! Where API keys live, as a trait.

use async_trait::async_trait;

use super::StoreError;
use crate::job::Scope;
use crate::job::key::{ApiKey, FreshKey, KeyId, NewKey, StoredKey};

/// A key's last use is written at most so often.
pub const LAST_USE_EVERY_MS: i64 = 60_000;

/// Where API keys live. All times come from the database's clock. A key outside the scope of a call is
/// answered like one that is not there.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Keeps a key, with no more of its secret than its digest.
    async fn create_key(&self, new: NewKey, fresh: &FreshKey) -> Result<ApiKey, StoreError>;

    /// The key of this id, in force or not.
    async fn key(&self, id: KeyId) -> Result<Option<StoredKey>, StoreError>;

    /// Newest first, at most `limit`, older than `before`; and whether more follow.
    async fn list_keys(
        &self,
        scope: &Scope,
        before: Option<KeyId>,
        limit: usize,
    ) -> Result<(Vec<ApiKey>, bool), StoreError>;

    /// Refuses the key from now on; answers it, or `None` when there is none. Revoking again changes nothing.
    async fn revoke_key(&self, scope: &Scope, id: KeyId) -> Result<Option<ApiKey>, StoreError>;

    /// Notes that the key was used, unless that was noted within [`LAST_USE_EVERY_MS`].
    async fn note_use(&self, id: KeyId) -> Result<(), StoreError>;
}
