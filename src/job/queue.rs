//! Parameters of the queue: devices, priorities and quotas.
//!
//! Tenants take turns: first the tenant with the fewest running jobs on the device, and among equals the tenant whose
//! last claim is the longest ago. Within a tenant, jobs are claimed by priority, and then in order of creation. So no
//! priority and no number of jobs moves one tenant ahead of another. The last claim of a tenant is stored as a number,
//! its *turn*. A claim reads one index entry for each tenant with jobs, however many jobs are queued.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::id::JobId;
use super::time::UnixMs;

/// Device that a job runs on. Each device has its own queue.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// A CPU.
    #[default]
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
}

impl Device {
    /// Returns the device as written in JSON and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Allowed priorities.
pub const PRIORITIES: std::ops::RangeInclusive<i64> = -100..=100;

/// Limits of one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Maximum number of queued jobs.
    pub max_queued: i64,
    /// Maximum number of running jobs. It is checked at each claim, so that a change takes effect at once.
    ///
    /// With `None`, the workers of the device are shared: while several tenants have API keys that can create jobs, a
    /// tenant runs jobs on all workers but one, so that a job of another tenant can start soon.
    pub max_running: Option<i64>,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            max_queued: 10_000,
            max_running: None,
        }
    }
}

/// The workers of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crew {
    /// Name of the process; unique among all processes.
    pub name: String,
    /// Device that the workers run jobs on.
    pub device: Device,
    /// Number of workers, at least 1.
    pub workers: i64,
}

/// Time after which a process that has not been [noted](super::store::JobStore::note_crew) again counts as ended, in
/// milliseconds.
pub const CREW_LIFETIME_MS: i64 = 60_000;

/// A process with workers that was seen a short time ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenCrew {
    /// The process and its workers.
    pub crew: Crew,
    /// Time of its last note.
    pub seen_at: UnixMs,
}

/// The lease of a running job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLease {
    /// The job.
    pub job: JobId,
    /// Name of the worker that holds the lease.
    pub worker: String,
    /// Expiry time.
    pub until: UnixMs,
}

/// What a queued job waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Number of queued jobs of the same tenant and device that are claimed before it.
    pub ahead: i64,
    /// Number of running jobs of the same tenant and device.
    pub running: i64,
    /// Number of workers of the device.
    pub workers: i64,
}

/// A worker that claims jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimer {
    /// Name of the worker in leases and log lines.
    pub worker: String,
    /// Device that the worker runs jobs on.
    pub device: Device,
    /// Limits of each tenant.
    pub quota: Quota,
    /// Duration of a lease without a heartbeat, in milliseconds.
    pub lease_ms: i64,
}
