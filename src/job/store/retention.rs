//! Queries for data after its retention period, as a trait.
//!
//! The files of a job are removed before its row, so that the next sweep can finish an interrupted one.

use async_trait::async_trait;

use super::error::StoreError;
use crate::job::JobId;

/// Finds jobs whose retention period has ended. Ages are in milliseconds since the end of the job; active jobs have no
/// age.
#[async_trait]
pub trait Expiry: Send + Sync {
    /// Returns jobs that are at least this old and whose files are not yet removed, oldest first, at most `limit`.
    async fn with_old_files(&self, age_ms: i64, limit: usize) -> Result<Vec<JobId>, StoreError>;

    /// Records that the files of a job were removed. Changes nothing if that is already recorded, or if the job is not
    /// found.
    async fn note_files_removed(&self, id: JobId) -> Result<(), StoreError>;

    /// Returns jobs that are at least this old, oldest first, at most `limit`.
    async fn ended_long_ago(&self, age_ms: i64, limit: usize) -> Result<Vec<JobId>, StoreError>;
}
