//! What has been kept long enough, as a trait. The row is the last to go: files are removed first, so that a
//! sweep that was killed is taken up by the next one.

use async_trait::async_trait;

use super::StoreError;
use crate::job::JobId;

/// Finds what has been kept long enough. Ages are in milliseconds, from a job's end; active jobs have none.
#[async_trait]
pub trait Expiry: Send + Sync {
    /// Jobs of this age whose files are still there, oldest first, at most `limit`.
    async fn with_old_files(&self, age_ms: i64, limit: usize) -> Result<Vec<JobId>, StoreError>;

    /// Notes that a job's files were removed. Again, or for a job that is gone, it changes nothing.
    async fn note_files_removed(&self, id: JobId) -> Result<(), StoreError>;

    /// Jobs of this age, oldest first, at most `limit`.
    async fn ended_long_ago(&self, age_ms: i64, limit: usize) -> Result<Vec<JobId>, StoreError>;
}
