//! How much of the service one tenant, one caller and all connections together may take.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;

use crate::api::{Connections, Limits};
use crate::job::queue::Quota;

/// Flags of the quotas.
#[derive(Args, Clone, Debug)]
pub struct LimitFlags {
    /// Jobs of one tenant that may wait at a time
    #[arg(long, env = "OPTIN_MAX_QUEUED", value_name = "JOBS", default_value_t = Quota::default().most_queued, value_parser = clap::value_parser!(i64).range(1..))]
    pub max_queued: i64,
    /// Requests a second of one API key, or of one address where nobody shows a key
    #[arg(
        long,
        env = "OPTIN_RATE",
        value_name = "REQUESTS",
        default_value = "50"
    )]
    pub rate: NonZeroU32,
    /// Requests of one caller at once, before the rate counts
    #[arg(
        long,
        env = "OPTIN_BURST",
        value_name = "REQUESTS",
        default_value = "200"
    )]
    pub burst: NonZeroU32,
    /// Long polls and event streams of one caller at a time
    #[arg(
        long,
        env = "OPTIN_MAX_READERS",
        value_name = "COUNT",
        default_value_t = 32
    )]
    pub max_readers: usize,
    /// Seconds within which a request is answered
    #[arg(long, env = "OPTIN_REQUEST_TIMEOUT_SECONDS", value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub request_timeout_seconds: u64,
    /// Connections at a time; others wait
    #[arg(long, env = "OPTIN_MAX_CONNECTIONS", value_name = "COUNT", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,
    /// Seconds within which a request's head must arrive
    #[arg(long, env = "OPTIN_HEADER_TIMEOUT_SECONDS", value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub header_timeout_seconds: u64,
}

impl Default for LimitFlags {
    /// As the command line has them.
    fn default() -> Self {
        #[derive(clap::Parser)]
        struct Bare {
            #[command(flatten)]
            limits: LimitFlags,
        }
        <Bare as clap::Parser>::parse_from(["optin"]).limits
    }
}

impl LimitFlags {
    /// What one caller may take.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            rate: self.rate,
            burst: self.burst,
            readers: self.max_readers,
            time: Duration::from_secs(self.request_timeout_seconds),
        }
    }

    /// What all connections together may take.
    #[must_use]
    pub fn connections(&self) -> Connections {
        Connections {
            most: self.max_connections as usize,
            head: Duration::from_secs(self.header_timeout_seconds),
        }
    }

    /// What each tenant may have in the queue.
    #[must_use]
    pub fn quota(&self) -> Quota {
        Quota {
            most_queued: self.max_queued,
            ..Quota::default()
        }
    }
}
