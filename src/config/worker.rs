//! Workers: their number, device, leases and quota, and the sources that they may read.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::device::DeviceFlag;
use super::storage::StorageFlags;
use crate::artifact::store::ArtifactStore;
use crate::job::queue::Quota;
use crate::worker::source::Sources;
use crate::worker::source::bucket::Buckets;
use crate::worker::source::cache::Cache;
use crate::worker::source::hub::{HUB, Hub};
use crate::worker::source::roots::Roots;
use crate::worker::source::upload::Uploads;

/// Flags for workers.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Worker options")]
pub struct WorkerFlags {
    /// Number of workers in this process; each runs one job at a time on all cores (serve: 0 to 64, worker: 1 to 64)
    #[arg(long, env = "OPTIN_WORKERS", value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=64))]
    pub workers: u16,
    /// Device of the workers; they claim only jobs for this device
    #[arg(long, env = "OPTIN_DEVICE", value_enum, default_value_t)]
    pub device: DeviceFlag,
    /// Folder that file:// URIs may read; repeat the flag for more, or separate them by ':'
    #[arg(
        long = "source-root",
        env = "OPTIN_SOURCE_ROOTS",
        value_name = "DIR",
        value_delimiter = ':'
    )]
    pub source_roots: Vec<PathBuf>,
    /// Bucket that s3:// URIs may read; repeat the flag for more, or separate them by ','
    ///
    /// Workers access these buckets with the same endpoint and credentials as the artifact store.
    #[arg(
        long = "source-bucket",
        env = "OPTIN_SOURCE_BUCKETS",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub source_buckets: Vec<String>,
    /// URL of the Hugging Face Hub or a mirror, for hf:// URIs
    #[arg(long, env = "HF_ENDPOINT", value_name = "URL", default_value = HUB)]
    pub hub_endpoint: String,
    /// Access token for the hub; prefer the environment variable, which other users cannot see
    #[arg(long, env = "HF_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub hub_token: Option<String>,
    /// Folder for the cache of downloaded sources and uploads [default: DATA_DIR/cache]
    #[arg(long, env = "OPTIN_CACHE_DIR", value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Maximum size of this cache, in GiB; the least recently used entries are removed first
    #[arg(
        long,
        env = "OPTIN_CACHE_GIB",
        value_name = "GIB",
        default_value_t = 50
    )]
    pub cache_gib: u32,
    /// Maximum number of running jobs per tenant [default: unlimited]
    #[arg(long, env = "OPTIN_MAX_RUNNING", value_name = "JOBS", value_parser = clap::value_parser!(i64).range(1..))]
    pub max_running: Option<i64>,
    /// Lease duration of a job, in seconds (4 to 3600)
    ///
    /// If a worker sends no heartbeat for this time, another worker takes over its job.
    #[arg(long, env = "OPTIN_LEASE_SECONDS", value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(4..=3_600))]
    pub lease_seconds: u64,
    /// Retention period of the stage cache, in days
    ///
    /// The stage cache holds the results of completed stages. Interrupted jobs resume from it, and
    /// later jobs of the same tenant with the same inputs reuse it.
    #[arg(
        verbatim_doc_comment,
        long,
        env = "OPTIN_STAGE_CACHE_DAYS",
        value_name = "DAYS",
        default_value_t = 7
    )]
    pub stage_cache_days: u32,
}

impl WorkerFlags {
    /// Returns the sources that models and data may be read from.
    ///
    /// # Errors
    /// Returns a message if a folder, a bucket, the hub or the cache cannot be used.
    pub fn sources(
        &self,
        storage: &StorageFlags,
        artifacts: &ArtifactStore,
    ) -> Result<Sources, String> {
        let roots = Roots::new(&self.source_roots).map_err(|failure| failure.to_string())?;
        let folder = self
            .cache_dir
            .clone()
            .unwrap_or_else(|| storage.data_dir.join("cache"));
        let cache = Cache::open(&folder, u64::from(self.cache_gib) << 30)
            .map_err(|error| format!("could not open the cache {}: {error}", folder.display()))?;
        let hub = Hub::new(&self.hub_endpoint, self.hub_token.clone())?;
        let uploads = Uploads::new(artifacts.clone(), cache.clone());
        let sources = Sources::new(roots).with_uploads(uploads);
        let sources = match self.source_buckets.as_slice() {
            [] => sources,
            names => {
                let options = storage.s3.bucket(&names[0])?;
                sources.with_buckets(Buckets::new(names, &options, cache.clone())?)
            }
        };
        Ok(sources.with_hub(hub, cache))
    }

    /// Returns the quota of running jobs per tenant.
    #[must_use]
    pub fn quota(&self) -> Quota {
        Quota {
            most_running: self.max_running.unwrap_or(i64::MAX),
            ..Quota::default()
        }
    }

    /// Returns the lease duration: the time after the last heartbeat at which a claim expires.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }

    /// Returns the retention period of the stage cache.
    #[must_use]
    pub fn journal_retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.stage_cache_days) * 86_400)
    }
}
