//! Errors of the stores.

use crate::job::{Job, JobId, State};

/// Error of a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The job was not found.
    #[error("job {0} not found")]
    NotFound(JobId),
    /// The job is in a state that does not allow this.
    #[error("the job is {}; {needed}", state.as_str())]
    Conflict {
        /// Current state of the job.
        state: State,
        /// What the client must do first.
        needed: &'static str,
    },
    /// The idempotency key was already used with another body.
    #[error("this Idempotency-Key was used with another request body within the last 24 hours")]
    KeyReused,
    /// The tenant has reached its maximum number of queued jobs.
    #[error(
        "too many queued jobs: the limit is {most} per tenant; wait until some have started, or cancel some"
    )]
    QuotaExceeded {
        /// Maximum number of queued jobs.
        most: i64,
    },
    /// The object with this id was not found.
    #[error("{0} not found")]
    Missing(String),
    /// The tenant has reached the maximum number of objects of this kind.
    #[error("too many {what}: the limit is {most} per tenant; remove some")]
    TooMany {
        /// Kind of the objects, in the plural.
        what: &'static str,
        /// Maximum number.
        most: i64,
    },
    /// The lease is lost: another attempt owns the job, or the job has ended.
    #[error("the lease on job {0} is lost")]
    LeaseLost(JobId),
    /// The disk of the database is full.
    #[error("the database is out of disk space")]
    Full,
    /// The database is unavailable. Nothing was changed, and the same call may succeed later.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database is read-only. Nothing was changed, and the same call may succeed later.
    #[error("the database is read-only: {0}")]
    ReadOnly(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database did not respond. The call may have taken effect.
    #[error("the database did not respond, and the call may have taken effect: {0}")]
    Unanswered(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Returns the error for deleting a job that has not ended.
    #[must_use]
    pub fn active(job: &Job) -> Self {
        Self::Conflict {
            state: job.state,
            needed: "cancel it before deleting it",
        }
    }

    /// Returns whether the same call may succeed when the database is available again.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::Unanswered(_) | Self::ReadOnly(_) | Self::Full
        )
    }
}
