//! Workers: their device, lease and quota.

use std::time::Duration;

use clap::Args;

use super::device::DeviceFlag;
use super::duration::between;
use super::signing::SigningFlags;
use crate::job::queue::Quota;

/// Help heading of the flags for workers.
pub const HEADING: &str = "Worker options";

/// Flags for workers.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = HEADING)]
pub struct WorkerFlags {
    /// Device of the workers; they run only jobs for this device
    #[arg(long, env = "OPTIN_DEVICE", value_enum, default_value_t)]
    pub device: DeviceFlag,
    /// Maximum number of running jobs per tenant [default: all workers of the device but one]
    ///
    /// The default applies while several tenants have API keys that can create jobs; with one tenant,
    /// all workers run its jobs. One worker always runs. A number is a limit for all devices and at
    /// any time. The jobs and workers of all processes count. Use the same value in all processes.
    #[arg(long, verbatim_doc_comment, env = "OPTIN_MAX_RUNNING", value_name = "JOBS", value_parser = clap::value_parser!(i64).range(1..))]
    pub max_running: Option<i64>,
    /// Time without a heartbeat of a worker after which another worker takes over its job (4s to 1h)
    #[arg(long, env = "OPTIN_LEASE", value_name = "DURATION", default_value = "15s", value_parser = between("4s", "1h"))]
    pub lease: Duration,
    /// Longest time for reading the model and the data of a job, without downloads (1s to 1d)
    #[arg(long, env = "OPTIN_MAX_PREPARING", value_name = "DURATION", default_value = "1h", value_parser = between("1s", "1d"))]
    pub max_preparing: Duration,
    /// The key that signs results.
    #[command(flatten)]
    pub signing: SigningFlags,
}

impl WorkerFlags {
    /// Returns the quota of running jobs per tenant.
    #[must_use]
    pub fn quota(&self) -> Quota {
        Quota {
            max_running: self.max_running,
            ..Quota::default()
        }
    }
}
