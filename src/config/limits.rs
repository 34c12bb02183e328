//! Limits per tenant, per client and for all connections together.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;

use super::duration::between;
use crate::api::{AddressSource, Connections, Limits};
use crate::artifact::incoming::UploadQuota;
use crate::artifact::progress::Patience;
use crate::job::queue::Quota;

/// Flags for limits.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitFlags {
    /// Maximum number of queued jobs per tenant
    #[arg(long, env = "OPTIN_MAX_QUEUED", value_name = "JOBS", default_value_t = Quota::default().max_queued, value_parser = clap::value_parser!(i64).range(1..))]
    pub max_queued: i64,
    /// Maximum total size of the uploads of a tenant, in GiB (1 to 1000000)
    #[arg(long, env = "OPTIN_MAX_UPLOADS_GIB", value_name = "GIB", default_value_t = UploadQuota::default().bytes >> 30, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub max_uploads_gib: u64,
    /// Maximum request rate per client, in requests per second
    ///
    /// A client is an API key, or an IP address for requests without a valid key.
    #[arg(
        long,
        env = "OPTIN_RATE",
        value_name = "REQUESTS",
        default_value = "50"
    )]
    pub rate: NonZeroU32,
    /// Maximum number of requests in a burst per client, before --rate applies
    #[arg(
        long,
        env = "OPTIN_BURST",
        value_name = "REQUESTS",
        default_value = "200"
    )]
    pub burst: NonZeroU32,
    /// Maximum number of concurrent long polls and event streams per client
    #[arg(
        long,
        env = "OPTIN_MAX_READERS",
        value_name = "COUNT",
        default_value_t = 32
    )]
    pub max_readers: usize,
    /// Request timeout (1s to 1h)
    ///
    /// For long polls, the maximum wait time is added. For downloads and event streams, the timeout
    /// ends when the response starts. It does not apply to uploads of contents.
    #[arg(long, verbatim_doc_comment, env = "OPTIN_REQUEST_TIMEOUT", value_name = "DURATION", default_value = "60s", value_parser = between("1s", "1h"))]
    pub request_timeout: Duration,
    /// Minimum speed of transfers: a client must send or read 16 KiB in this time (1s to 1h)
    ///
    /// Slower clients are disconnected. Only the time in which the service waits for the client counts.
    /// Uploads and downloads have no other timeout. The operating system buffers up to 512 KiB of a
    /// download, so a value below 30s can disconnect a client that reads slowly but steadily.
    #[arg(long, verbatim_doc_comment, env = "OPTIN_STALL_TIMEOUT", value_name = "DURATION", default_value = "60s", value_parser = between("1s", "1h"))]
    pub stall_timeout: Duration,
    /// Maximum number of concurrent connections (1 to 1000000)
    ///
    /// A further connection takes the place of one that has sent and read nothing for half a second, or
    /// of one of the client address that has the most, if that has at least two more. Otherwise, it can
    /// only call /livez, /readyz and /metrics.
    #[arg(long, verbatim_doc_comment, env = "OPTIN_MAX_CONNECTIONS", value_name = "COUNT", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,
    /// Maximum number of concurrent connections per client address (1 to 1000000)
    ///
    /// A client address is an IPv4 address or an IPv6 network of 64 bits. The same applies to further
    /// connections as with --max-connections. If the client address is a header that a proxy sets
    /// (--client-address), the limit applies to the concurrent requests of each address instead: the
    /// connections are those of the proxy.
    #[arg(long, verbatim_doc_comment, env = "OPTIN_MAX_CONNECTIONS_PER_ADDRESS", value_name = "COUNT", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections_per_address: u32,
    /// Timeout for receiving the header of a request (1s to 10m)
    #[arg(long, env = "OPTIN_HEADER_TIMEOUT", value_name = "DURATION", default_value = "15s", value_parser = between("1s", "10m"))]
    pub header_timeout: Duration,
}

impl Default for LimitFlags {
    /// Returns the defaults of the command line.
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
    /// Returns the limits per client.
    #[must_use]
    pub fn limits(&self, addresses: AddressSource) -> Limits {
        Limits {
            rate: self.rate,
            burst: self.burst,
            readers: self.max_readers,
            forwarded: self.max_connections_per_address as usize,
            addresses,
            time: self.request_timeout,
        }
    }

    /// Returns the limits for connections from these addresses.
    #[must_use]
    pub fn connections(&self, addresses: AddressSource) -> Connections {
        let per_address = match addresses {
            AddressSource::Connection => self.max_connections_per_address,
            // The connections of a proxy are those of all clients.
            _ => self.max_connections,
        };
        Connections {
            most: self.max_connections as usize,
            most_per_address: per_address as usize,
            head: self.header_timeout,
            patience: Patience {
                within: self.stall_timeout,
                ..Patience::DEFAULT
            },
        }
    }

    /// Returns the quota of uploads per tenant.
    #[must_use]
    pub fn upload_quota(&self) -> UploadQuota {
        UploadQuota {
            bytes: self.max_uploads_gib << 30,
            ..UploadQuota::default()
        }
    }

    /// Returns the quota of queued jobs per tenant.
    #[must_use]
    pub fn quota(&self) -> Quota {
        Quota {
            max_queued: self.max_queued,
            ..Quota::default()
        }
    }
}
