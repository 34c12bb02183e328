//! The history of a job: what a reader of `GET /v1/jobs/{id}/events` sees, in order.

use serde::{Deserialize, Serialize};

use super::UnixMs;
use crate::prune::failure::Failure;
use crate::prune::stage::Stage;

/// One entry of a job's history.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Grows by one within a job, from 1: the SSE id.
    pub sequence: i64,
    /// When it was written.
    pub at: UnixMs,
    /// What happened.
    pub body: NewEvent,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum NewEvent {
    /// The job was accepted.
    Queued,
    /// A worker took it.
    Started {
        /// Which attempt this is.
        attempt: i64,
    },
    /// A stage began.
    Stage {
        /// Which one.
        stage: Stage,
    },
    /// A stage went on; written at most about once a second.
    Progress {
        /// Which stage.
        stage: Stage,
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
    },
    /// Someone asked to stop.
    CancelRequested,
    /// An attempt ended without a result and the job is queued again.
    Requeued {
        /// Why; `None` when the worker shut down or vanished.
        failure: Option<Failure>,
    },
    /// The job ended with a result.
    Succeeded,
    /// The job ended without one.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// The job ended because someone asked.
    Canceled,
    /// The job ended because its deadline passed.
    Expired,
}
