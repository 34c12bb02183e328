//! The lease of a worker on a job, for a limited time and one attempt.

use super::id::JobId;

/// Proof of a claim. Every write of a worker carries it, and is refused once another attempt owns the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The leased job.
    pub job: JobId,
    /// The fencing token.
    pub attempt: i64,
    /// Name of the worker that holds the lease.
    pub worker: String,
}
