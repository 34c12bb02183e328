//! Parameters of the queue: devices, priorities and quotas.
//!
//! Jobs are claimed by priority. Among jobs of equal priority, the tenants take turns. The order is stored as a number
//! in the row, the *rank*: a new job gets the rank of its tenant's last queued job plus one, but at least the rank at
//! the front of the queue plus one. This is start-time fair queueing (Goyal et al. 1996) with jobs of equal size. So a
//! claim is one index lookup, however many tenants wait.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

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
    pub max_running: i64,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            max_queued: 10_000,
            max_running: i64::MAX,
        }
    }
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
