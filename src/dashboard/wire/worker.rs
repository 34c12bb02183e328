//! Workers and the queue.

use serde::Deserialize;

use super::moment::Moment;

/// The processes that run workers.
#[derive(Deserialize)]
pub(crate) struct Workers {
    pub(crate) data: Vec<Process>,
    pub(crate) leases: Vec<Lease>,
    pub(crate) queue: Queue,
}

/// A process.
#[derive(Deserialize)]
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) device: String,
    pub(crate) workers: u64,
    pub(crate) seen_at: Moment,
}

/// The lease of a job.
#[derive(Deserialize)]
pub(crate) struct Lease {
    pub(crate) job: String,
    pub(crate) worker: String,
    pub(crate) until: Moment,
}

/// The size of the queue.
#[derive(Deserialize)]
pub(crate) struct Queue {
    pub(crate) queued: u64,
    pub(crate) running: u64,
    pub(crate) oldest_queued_ms: u64,
}
