//! A dataset of its own, without a model.

use std::path::PathBuf;

use super::Sources;
use super::cache::Held;
use super::fetched::Names;
use super::uri::HubKind;
use crate::prune::failure::Failure;
use crate::prune::recipe::Source;
use crate::prune::watch::Watch;

/// A dataset on this machine. The cache keeps it while this value exists.
pub struct Dataset {
    /// The data file, or the folder of shards or images.
    pub path: PathBuf,
    /// Name of the dataset, by path.
    pub names: Names,
    _held: Vec<(HubKind, Held)>,
}

impl Sources {
    /// Returns a dataset on this machine; a remote one is fetched.
    ///
    /// # Errors
    /// Returns an error if the source is not supported, not found, not allowed or no dataset, or cannot be fetched.
    pub async fn dataset(&self, source: &Source, watch: &dyn Watch) -> Result<Dataset, Failure> {
        let pinned = self.pin_one(source, HubKind::Dataset).await?;
        let mut held = Vec::new();
        let path = self
            .fetch_one(&pinned, HubKind::Dataset, &mut held, watch)
            .await?;
        Ok(Dataset {
            names: Names::one(&path, &source.uri),
            path,
            _held: held,
        })
    }
}
