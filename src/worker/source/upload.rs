//! `upload://` sources: copies the uploads of a tenant to this machine and checks them.

use std::path::Path;
use std::time::Duration;

use super::archive;
use super::cache::{Cache, Filling, Held};
use super::limits::max_bytes;
use crate::artifact::error::ArtifactError;
use crate::artifact::incoming::{Upload, UploadId, UploadState};
use crate::artifact::store::ArtifactStore;
use crate::job::TenantId;
use crate::prune::digest::sha256_of;
use crate::prune::failure::{Code, Failure};
use crate::prune::watch::Watch;

/// File extension of an archive that holds a model.
pub const ARCHIVE: &str = ".tar";

/// Interval between two searches for entries of deleted uploads in the cache.
const PURGE_INTERVAL: Duration = Duration::from_secs(30);

/// The store of the uploads, and the cache of the checked ones.
#[derive(Clone)]
pub struct Uploads {
    artifacts: ArtifactStore,
    cache: Cache,
}

impl Uploads {
    /// Creates the access to uploads in this store, with this cache.
    #[must_use]
    pub fn new(artifacts: ArtifactStore, cache: Cache) -> Self {
        Self { artifacts, cache }
    }

    /// Returns a completed upload.
    ///
    /// # Errors
    /// Returns an error if the tenant has no upload with this id, or if it is not completed.
    pub async fn ready(&self, tenant: &TenantId, id: UploadId) -> Result<Upload, Failure> {
        let found = self.artifacts.get_upload(tenant.as_str(), id).await;
        match found {
            Ok(upload) if upload.state == UploadState::Ready => Ok(upload),
            Ok(_) => Err(Failure::new(
                Code::SourceNotFound,
                format!(
                    "upload://{id} is not complete: PUT its content, then POST /v1/uploads/{id}/complete"
                ),
            )),
            Err(ArtifactError::NotFound(_)) => Err(Failure::new(
                Code::SourceNotFound,
                format!("upload://{id} not found; it may have been removed"),
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the content of an upload as a cache entry: a folder with the data file, or with the unpacked model.
    ///
    /// The cache holds only content that matches its announced size and SHA-256. Each upload has its own entry, even if
    /// another one has the same content: otherwise an upload would seem complete although its content has not arrived.
    ///
    /// # Errors
    /// Returns an error if the content has not arrived, or does not match what was announced.
    pub async fn entry(
        &self,
        tenant: &TenantId,
        upload: &Upload,
        watch: &dyn Watch,
    ) -> Result<Held, Failure> {
        let key = entry_key(tenant, upload.id);
        let draft = self.cache.draft(&key);
        let fill = |filling| self.fill(tenant, upload, &draft, filling);
        self.cache.entry(&key, upload.bytes, watch, fill).await
    }

    /// Removes the entries of deleted uploads from the cache, every `PURGE_INTERVAL`. Does not return.
    pub async fn keep_purged(&self) {
        loop {
            if let Err(failure) = self.purge().await {
                tracing::warn!(%failure, "could not remove deleted uploads from the cache; retrying");
            }
            tokio::time::sleep(PURGE_INTERVAL).await;
        }
    }

    /// Removes the entries of deleted uploads from the cache. An entry in use is removed after its last use.
    ///
    /// # Errors
    /// Returns an error if the cache cannot be read or the store fails.
    pub async fn purge(&self) -> Result<(), Failure> {
        for key in self.cache.keys()? {
            let Some((tenant, id)) = upload_of(&key) else {
                continue;
            };
            match self.artifacts.get_upload(tenant.as_str(), id).await {
                Ok(_) => {}
                Err(ArtifactError::NotFound(_)) => {
                    let cache = self.cache.clone();
                    let purged = tokio::task::spawn_blocking(move || cache.purge(&key));
                    purged
                        .await
                        .map_err(|error| Failure::new(Code::Internal, error.to_string()))??;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn fill(
        &self,
        tenant: &TenantId,
        upload: &Upload,
        draft: &Path,
        filling: Filling,
    ) -> Result<(), Failure> {
        let path = draft.join(&upload.name);
        let copied = self
            .artifacts
            .copy_upload(tenant.as_str(), upload, &path)
            .await;
        let bytes = match copied {
            Ok(bytes) => bytes,
            Err(ArtifactError::NotFound(_)) => {
                return Err(Failure::new(
                    Code::SourceNotFound,
                    "the content of the upload has not arrived; PUT it to the URL in the response of POST /v1/uploads, or send all parts",
                ));
            }
            Err(ArtifactError::TooLarge { .. }) => upload.bytes + 1,
            Err(error) => return Err(error.into()),
        };
        let (archived, folder) = (upload.name.ends_with(ARCHIVE), draft.to_owned());
        let (expected, name) = (upload.sha256.clone(), upload.name.clone());
        let whole = bytes == upload.bytes;
        let checked = tokio::task::spawn_blocking(move || {
            // This thread continues even if its caller is canceled; until it ends, no one else may fill the entry.
            let _filling = filling;
            if !whole || sha256_of(&path)? != expected {
                // Otherwise the next try would find the wrong file.
                std::fs::remove_file(&path).ok();
                return Err(Failure::new(
                    Code::InvalidData,
                    format!(
                        "the size or SHA-256 of {name} differs from what was announced; upload it again"
                    ),
                ));
            }
            if archived {
                archive::unpack(std::fs::File::open(&path)?, &folder, max_bytes(true))?;
                std::fs::remove_file(&path)?;
            }
            Ok(())
        });
        checked
            .await
            .map_err(|error| Failure::new(Code::Internal, error.to_string()))?
    }
}

/// Returns the key of an upload's entry in the cache. It names the upload, so that the entry can be removed with it.
fn entry_key(tenant: &TenantId, id: UploadId) -> String {
    format!("upload.{tenant}.{id}")
}

/// The reverse of [`entry_key`]. The name of a tenant contains no dot.
fn upload_of(key: &str) -> Option<(TenantId, UploadId)> {
    let (tenant, id) = key.strip_prefix("upload.")?.split_once('.')?;
    Some((tenant.parse().ok()?, id.parse().ok()?))
}
