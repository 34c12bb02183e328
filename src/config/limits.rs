//! How much of the service one tenant may take.

use clap::Args;

use crate::job::queue::Quota;

/// Flags of the quotas.
#[derive(Args, Clone, Debug)]
pub struct LimitFlags {
    /// Jobs of one tenant that may wait at a time
    #[arg(long, env = "OPTIN_MOST_QUEUED", value_name = "JOBS", default_value_t = Quota::default().most_queued, value_parser = clap::value_parser!(i64).range(1..))]
    pub most_queued: i64,
    /// Jobs of one tenant that may run at a time [default: no limit]
    #[arg(long, env = "OPTIN_MOST_RUNNING", value_name = "JOBS", value_parser = clap::value_parser!(i64).range(1..))]
    pub most_running: Option<i64>,
}

impl LimitFlags {
    /// The quota of each tenant.
    #[must_use]
    pub fn quota(&self) -> Quota {
        Quota {
            most_queued: self.most_queued,
            most_running: self.most_running.unwrap_or(i64::MAX),
        }
    }
}
