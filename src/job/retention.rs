//! Retention periods of ended jobs, their files and the audit log.

use super::{Job, UnixMs};

/// Retention periods in milliseconds; `None` means forever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Retention period of jobs with their events, from the end of the job.
    pub jobs_ms: Option<i64>,
    /// Retention period of result files, from the end of the job.
    pub artifacts_ms: Option<i64>,
    /// Retention period of audit log entries.
    pub audit_ms: Option<i64>,
}

impl Retention {
    /// Returns the retention period of files, which is at most that of their job.
    #[must_use]
    pub fn files_ms(&self) -> Option<i64> {
        [self.artifacts_ms, self.jobs_ms]
            .into_iter()
            .flatten()
            .min()
    }

    /// Returns the time from which on the files of a job may be removed. Returns `None` if the job is active or files
    /// are kept forever.
    #[must_use]
    pub fn files_expire_at(&self, job: &Job) -> Option<UnixMs> {
        Some(job.finished_at?.saturating_add(self.files_ms()?))
    }
}
