//! The queue's terms: on what a job runs, how urgent it is, how much of the service one tenant may take.
//!
//! Jobs leave the queue by priority; among equals the tenants take turns. The turns are a number on the
//! row, the *rank*: a tenant's next job stands one behind its last one, but never before the front of the
//! queue (start-time fair queueing, Goyal et al. 1996, with jobs of one size). So a claim is one index
//! look-up, however many tenants wait.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// On what a job runs; each has a queue of its own.
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
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
}

impl Device {
    /// The device as it is written in JSON and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Lowest and highest priority.
pub const PRIORITIES: std::ops::RangeInclusive<i64> = -100..=100;

/// How much of the service one tenant may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Jobs that wait.
    pub most_queued: i64,
    /// Jobs that run; checked at each claim, so that a change holds at once.
    pub most_running: i64,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            most_queued: 10_000,
            most_running: i64::MAX,
        }
    }
}

/// Who asks for work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimer {
    /// Its name in leases and log lines.
    pub worker: String,
    /// On what it runs jobs.
    pub device: Device,
    /// What each tenant may take.
    pub quota: Quota,
    /// How long a claim holds without a heartbeat, in milliseconds.
    pub lease_ms: i64,
}
