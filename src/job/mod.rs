//! What a job is and where jobs live. The only place with SQL.
//!
//! A [`Job`] is a recipe on its way: queued, leased by one worker at a time, ended in exactly one
//! terminal [`State`]. `attempt` is the fencing token: it counts claims, never resets, and stands in
//! every write of a worker and in every object key, so that a worker whose lease was lost can
//! change nothing any more.

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

/// Milliseconds since the Unix epoch, read from the database's clock.
pub type UnixMs = i64;

/// A job as it stands in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// Whose it is.
    pub tenant: TenantId,
    /// On what it runs.
    pub device: Device,
    /// The higher, the sooner, within the queue of its device.
    pub priority: i64,
    /// Where it is in its life.
    pub state: State,
    /// What it does while it runs.
    pub stage: Option<Stage>,
    /// How far that stage is.
    pub progress: Progress,
    /// What was asked.
    pub recipe: Recipe,
    /// The caller's own marks, for filters.
    pub labels: BTreeMap<String, String>,
    /// Claims so far (the fencing token).
    pub attempt: i64,
    /// Claims allowed before the job fails as `attempts_exhausted`.
    pub max_attempts: i64,
    /// The job that this one tries again, or prunes to another target.
    pub retry_of: Option<JobId>,
    /// The trace of the request that queued it.
    pub trace: Option<TraceParent>,
    /// Whether someone asked to stop it.
    pub cancel_requested: bool,
    /// The outage that it met last, until it ends; while it is queued, what it waits for.
    pub waiting: Option<Waiting>,
    /// Why it ended without a result.
    pub failure: Option<Failure>,
    /// What came of it.
    pub report: Option<Report>,
    /// When it was accepted.
    pub created_at: UnixMs,
    /// When its first attempt began.
    pub started_at: Option<UnixMs>,
    /// When it reached a terminal state; set exactly then.
    pub finished_at: Option<UnixMs>,
    /// After this moment it ends as `expired`.
    pub deadline_at: Option<UnixMs>,
    /// When its files were removed after their retention.
    pub artifacts_removed_at: Option<UnixMs>,
    /// Counts every change of the row: the ETag.
    pub version: i64,
}

/// How far the current stage is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Units of work done in this stage.
    pub done: u64,
    /// Units of work of this stage; 0 while unknown.
    pub total: u64,
    /// When this stage began (worker's view, database clock), for the ETA.
    pub since: Option<UnixMs>,
}

/// What a caller hands in.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// Whose it is.
    pub tenant: TenantId,
    /// On what it runs.
    pub device: Device,
    /// The higher, the sooner.
    pub priority: i64,
    /// What to do.
    pub recipe: Recipe,
    /// The caller's own marks.
    pub labels: BTreeMap<String, String>,
    /// Longest wall time from acceptance to result, in milliseconds.
    pub deadline_ms: Option<i64>,
    /// Claims allowed.
    pub max_attempts: i64,
    /// The job that this one tries again, or prunes to another target.
    pub retry_of: Option<JobId>,
    /// The trace of the request that brings it.
    pub trace: Option<TraceParent>,
}
