//! The history of a job: the events of `GET /v1/jobs/{id}/events`, in order.

use serde::{Deserialize, Serialize};

use super::UnixMs;
use crate::prune::failure::Failure;
use crate::prune::stage::Stage;

/// One entry of a job's history.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Number of the event within its job, 1, 2, 3 and so on; the SSE id.
    pub sequence: i64,
    /// Time when the event was written.
    pub at: UnixMs,
    /// What happened.
    pub body: NewEvent,
}

/// What happened to a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum NewEvent {
    /// The job was accepted.
    Queued,
    /// A worker claimed the job.
    Started {
        /// Number of the attempt.
        attempt: i64,
    },
    /// A stage began.
    Stage {
        /// The stage.
        stage: Stage,
    },
    /// A stage made progress; written at most once per heartbeat, about every second.
    Progress {
        /// The stage.
        stage: Stage,
        /// Units of work done.
        done: u64,
        /// Units of work in total.
        total: u64,
    },
    /// A client requested cancellation.
    CancelRequested,
    /// An attempt ended without a result, and the job is queued again.
    Requeued {
        /// The reason; `None` if the worker shut down or disappeared.
        failure: Option<Failure>,
    },
    /// The job ended with a result.
    Succeeded,
    /// The job failed.
    Failed {
        /// The reason.
        failure: Failure,
    },
    /// The job was canceled.
    Canceled,
    /// The job ended because its deadline passed.
    Expired,
}
