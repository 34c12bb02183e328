//! Where the audit log lives, as a trait.

use async_trait::async_trait;

use super::StoreError;
use crate::job::Scope;
use crate::job::audit::{Deed, Entry};

/// The audit log: it is added to, read, and forgotten after its retention.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Adds an entry.
    async fn record_deed(&self, deed: Deed) -> Result<(), StoreError>;

    /// Newest first, at most `limit`, before this sequence number; and whether more follow.
    async fn deeds(
        &self,
        scope: &Scope,
        before: Option<i64>,
        limit: usize,
    ) -> Result<(Vec<Entry>, bool), StoreError>;

    /// Forgets entries of this age in milliseconds; answers how many.
    async fn forget_deeds(&self, age_ms: i64) -> Result<u64, StoreError>;
}
