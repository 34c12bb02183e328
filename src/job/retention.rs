//! How long what has ended is kept.

use super::{Job, UnixMs};

/// How long what has ended is kept, in milliseconds; `None` is for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Jobs with their histories, from their end.
    pub jobs_ms: Option<i64>,
    /// Files of results, from the end of their jobs.
    pub artifacts_ms: Option<i64>,
    /// Entries of the audit log.
    pub audit_ms: Option<i64>,
}

impl Retention {
    /// How long files are kept: never longer than their job.
    #[must_use]
    pub fn files_ms(&self) -> Option<i64> {
        [self.artifacts_ms, self.jobs_ms]
            .into_iter()
            .flatten()
            .min()
    }

    /// From when on a job's files may be gone; `None` while it is active, and where they are kept for ever.
    #[must_use]
    pub fn files_expire_at(&self, job: &Job) -> Option<UnixMs> {
        Some(job.finished_at?.saturating_add(self.files_ms()?))
    }
}
