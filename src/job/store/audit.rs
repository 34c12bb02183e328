//! The store of the audit log, as a trait.

use async_trait::async_trait;

use super::error::StoreError;
use crate::job::Scope;
use crate::job::audit::{Deed, Entry};

/// Store of the audit log.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Adds an entry.
    async fn record_deed(&self, deed: Deed) -> Result<(), StoreError>;

    /// Returns entries with a sequence number below `before`, newest first, at most `limit`; and whether more follow.
    async fn deeds(
        &self,
        scope: &Scope,
        before: Option<i64>,
        limit: usize,
    ) -> Result<(Vec<Entry>, bool), StoreError>;

    /// Deletes entries that are at least this old, in milliseconds. Returns the number of deleted entries.
    async fn forget_deeds(&self, age_ms: i64) -> Result<u64, StoreError>;
}
