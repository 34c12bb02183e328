//! Sources: the folders, buckets and hub that models and data may be read from, and the cache of downloads.

use std::path::PathBuf;

use clap::Args;

use super::storage::StorageFlags;
use crate::artifact::store::ArtifactStore;
use crate::worker::source::Sources;
use crate::worker::source::bucket::Buckets;
use crate::worker::source::cache::Cache;
use crate::worker::source::hub::{HUB, Hub};
use crate::worker::source::roots::Roots;
use crate::worker::source::upload::Uploads;

/// Flags for sources.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Source options")]
pub struct SourceFlags {
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
    /// The endpoint and the credentials are those of the S3 options.
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
    /// Maximum size of the cache in --cache-dir, in GiB; the least recently used entries are removed first
    #[arg(
        long,
        env = "OPTIN_CACHE_GIB",
        value_name = "GIB",
        default_value_t = 50
    )]
    pub cache_gib: u32,
}

impl SourceFlags {
    /// Opens the sources that models and data may be read from.
    ///
    /// # Errors
    /// Returns a message if a folder, a bucket, the hub or the cache cannot be used.
    pub fn open(
        &self,
        storage: &StorageFlags,
        artifacts: &ArtifactStore,
    ) -> Result<Sources, String> {
        let roots = Roots::new(&self.source_roots).map_err(|failure| failure.to_string())?;
        let folder = self
            .cache_dir
            .clone()
            .unwrap_or_else(|| storage.data_dir().join("cache"));
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
}
