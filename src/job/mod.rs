//! Jobs and the stores that hold them. Only this module contains SQL.
//!
//! A [`Job`] is a submitted recipe: it is queued, leased by one worker at a time, and ends in exactly one terminal
//! [`State`]. `attempt` is the fencing token: it counts claims and never resets. Every write of a worker carries it,
//! and every object key of an attempt contains it. So a worker that lost its lease cannot change anything.

pub mod audit;
pub mod event;
pub mod id;
pub mod intake;
pub mod key;
pub mod lease;
pub mod queue;
pub mod record;
pub mod retention;
pub mod state;
pub mod store;
pub mod tenant;
pub mod time;
pub mod trace;
pub mod waiting;
pub mod webhook;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::prune::failure::Failure;
use crate::prune::recipe::Recipe;
use crate::prune::report::Report;
use crate::prune::stage::Stage;
use trace::TraceParent;
use waiting::Waiting;

pub use id::JobId;
pub use lease::Lease;
pub use queue::Device;
pub use state::State;
pub use tenant::{Scope, TenantId};
pub use time::UnixMs;

/// A job as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Identifier.
    pub id: JobId,
    /// Owner of the job.
    pub tenant: TenantId,
    /// Device that the job runs on.
    pub device: Device,
    /// Priority among the jobs of the tenant; a higher one runs sooner.
    pub priority: i64,
    /// State in the life cycle.
    pub state: State,
    /// Current stage while the job runs; the last stage after it ended.
    pub stage: Option<Stage>,
    /// Progress of that stage.
    pub progress: Progress,
    /// The submitted recipe.
    pub recipe: Recipe,
    /// Labels of the client, for filters.
    pub labels: BTreeMap<String, String>,
    /// Number of claims so far (the fencing token).
    pub attempt: i64,
    /// Number of counted attempts after which the job fails with `attempts_exhausted`.
    pub max_attempts: i64,
    /// The job that this one retries, or prunes to another target.
    pub retry_of: Option<JobId>,
    /// Trace of the request that created the job.
    pub trace: Option<TraceParent>,
    /// Whether a client requested cancellation.
    pub cancel_requested: bool,
    /// The last outage that the job met; `None` after the job has ended. While the job is queued, it waits for the end
    /// of this outage.
    pub waiting: Option<Waiting>,
    /// Why the job ended without a result.
    pub failure: Option<Failure>,
    /// Report of a succeeded job.
    pub report: Option<Report>,
    /// Time of acceptance.
    pub created_at: UnixMs,
    /// Start of the first attempt.
    pub started_at: Option<UnixMs>,
    /// Time of the terminal state; set if and only if the state is terminal.
    pub finished_at: Option<UnixMs>,
    /// Deadline; afterwards the job ends as `expired`.
    pub deadline_at: Option<UnixMs>,
    /// Time when the files were removed after their retention period.
    pub artifacts_removed_at: Option<UnixMs>,
    /// Number of changes of the row; the ETag.
    pub version: i64,
}

/// Progress of the current stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Units of work done in this stage.
    pub done: u64,
    /// Units of work of this stage in total; 0 while unknown.
    pub total: u64,
    /// Database time of the first heartbeat in this stage, for the ETA.
    pub since: Option<UnixMs>,
}

/// A job to be created.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// Owner of the job.
    pub tenant: TenantId,
    /// Device that the job runs on.
    pub device: Device,
    /// Priority among the jobs of the tenant; a higher one runs sooner.
    pub priority: i64,
    /// What to do.
    pub recipe: Recipe,
    /// Labels of the client.
    pub labels: BTreeMap<String, String>,
    /// Maximum time from acceptance to result, in milliseconds.
    pub deadline_ms: Option<i64>,
    /// Maximum number of counted attempts.
    pub max_attempts: i64,
    /// The job that this one retries, or prunes to another target.
    pub retry_of: Option<JobId>,
    /// Trace of the request that creates the job.
    pub trace: Option<TraceParent>,
}
