//! What runs jobs, and what it may read.

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

/// Flags of the workers.
#[derive(Args, Clone, Debug)]
pub struct WorkerFlags {
    /// Workers in this process; each runs one job at a time on all cores
    #[arg(long, env = "OPTIN_WORKERS", value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=64))]
    pub workers: u16,
    /// On what they run; they take only jobs for it
    #[arg(long, env = "OPTIN_DEVICE", value_enum, default_value_t)]
    pub device: DeviceFlag,
    /// Folder from which file:// URIs may be read; give it once for each folder
    #[arg(
        long = "source-root",
        env = "OPTIN_SOURCE_ROOTS",
        value_name = "DIR",
        value_delimiter = ':'
    )]
    pub source_roots: Vec<PathBuf>,
    /// Bucket from which s3:// URIs may be read, reached with the same keys as the artifact store's; give it once for each
    #[arg(
        long = "source-bucket",
        env = "OPTIN_SOURCE_BUCKETS",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub source_buckets: Vec<String>,
    /// Hub from which hf:// URIs are read; a mirror's address, or the hub's own
    #[arg(long, env = "HF_ENDPOINT", value_name = "URL", default_value = HUB)]
    pub hub_endpoint: String,
    /// Token for the hub
    #[arg(
        long,
        env = "HF_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true,
        hide = true
    )]
    pub hub_token: Option<String>,
    /// Folder for what was fetched from elsewhere [default: DATA_DIR/cache]
    #[arg(long, env = "OPTIN_CACHE_DIR", value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Most GiB that it may hold; what was used longest ago goes first
    #[arg(
        long,
        env = "OPTIN_CACHE_GIB",
        value_name = "GIB",
        default_value_t = 50
    )]
    pub cache_gib: u32,
    /// Jobs of one tenant that may run at a time [default: no limit]
    #[arg(long, env = "OPTIN_MAX_RUNNING", value_name = "JOBS", value_parser = clap::value_parser!(i64).range(1..))]
    pub max_running: Option<i64>,
    /// Seconds after which a job goes to another worker when its own is not heard of
    #[arg(long, env = "OPTIN_LEASE_SECONDS", value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(4..=3_600))]
    pub lease_seconds: u64,
    /// Days for which finished stages are kept for re-use
    #[arg(
        long,
        env = "OPTIN_STAGE_CACHE_DAYS",
        value_name = "DAYS",
        default_value_t = 7
    )]
    pub stage_cache_days: u32,
}

impl WorkerFlags {
    /// The places from which models and data may be read.
    ///
    /// # Errors
    /// A sentence, when one of them cannot be used.
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
            .map_err(|error| format!("the cache {} cannot be used: {error}", folder.display()))?;
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

    /// What each tenant may run.
    #[must_use]
    pub fn quota(&self) -> Quota {
        Quota {
            most_running: self.max_running.unwrap_or(i64::MAX),
            ..Quota::default()
        }
    }

    /// A claim holds so long without a heartbeat.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }

    /// Finished stages are kept so long.
    #[must_use]
    pub fn journal_retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.stage_cache_days) * 86_400)
    }
}
