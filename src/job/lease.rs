//! A worker's hold on a job: for a while, and for one attempt.

use super::JobId;

/// Proof of a claim. Every write of a worker carries it; once another attempt owns the job, the
/// proof is worth nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The job held.
    pub job: JobId,
    /// The fencing token.
    pub attempt: i64,
    /// Who holds it.
    pub worker: String,
}
