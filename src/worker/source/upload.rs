//! `upload://` sources: what a tenant sent in, checked, on this machine.

use std::path::Path;

use super::cache::{Cache, Filling, Held};
use super::{archive, most_bytes};
use crate::artifact::error::ArtifactError;
use crate::artifact::incoming::{Upload, UploadId, UploadState};
use crate::artifact::store::ArtifactStore;
use crate::job::TenantId;
use crate::prune::digest::{Digest, sha256_of};
use crate::prune::failure::{Code, Failure};
use crate::prune::watch::Watch;

/// End of the name of an archive that holds a model.
pub const ARCHIVE: &str = ".tar";

/// Where uploads are, and where they are kept once they were checked.
#[derive(Clone)]
pub struct Uploads {
    artifacts: ArtifactStore,
    cache: Cache,
}

impl Uploads {
    /// Over these.
    #[must_use]
    pub fn new(artifacts: ArtifactStore, cache: Cache) -> Self {
        Self { artifacts, cache }
    }

    /// An upload that may be used.
    ///
    /// # Errors
    /// When this tenant has none of that name, or it was not completed.
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
                format!("upload://{id} is not there, or no more"),
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// The upload's content on this machine: a folder with the file, or with the unpacked model. In the cache is
    /// only what was found to be what was announced, and only for the one upload: that another had the same content does not tell that this one's has arrived.
    ///
    /// # Errors
    /// When the content is not there or not what was announced.
    pub async fn entry(
        &self,
        tenant: &TenantId,
        upload: &Upload,
        watch: &dyn Watch,
    ) -> Result<Held, Failure> {
        let key = Digest::new("upload/1")
            .part("tenant", tenant.as_str())
            .part("id", upload.id)
            .hex();
        let draft = self.cache.draft(&key);
        let fill = |filling| self.fill(tenant, upload, &draft, filling);
        self.cache.entry(&key, upload.bytes, watch, fill).await
    }

    async fn fill(
        &self,
        tenant: &TenantId,
        upload: &Upload,
        draft: &Path,
        filling: Filling,
    ) -> Result<(), Failure> {
        let content = upload.key(tenant.as_str())?;
        let path = draft.join(&upload.name);
        let copied = self
            .artifacts
            .copy_to_file(&content, &path, upload.bytes)
            .await;
        let bytes = match copied {
            Ok(bytes) => bytes,
            Err(ArtifactError::NotFound(_)) => {
                return Err(Failure::new(
                    Code::SourceNotFound,
                    "its content has not arrived; PUT it to the URL that announcing it answered",
                ));
            }
            Err(ArtifactError::TooLarge { .. }) => upload.bytes + 1,
            Err(error) => return Err(error.into()),
        };
        let (archived, folder) = (upload.name.ends_with(ARCHIVE), draft.to_owned());
        let (expected, name) = (upload.sha256.clone(), upload.name.clone());
        let whole = bytes == upload.bytes;
        let checked = tokio::task::spawn_blocking(move || {
            // This thread goes on when nobody waits for it any more: until its end nobody else may fill the entry.
            let _filling = filling;
            if !whole || sha256_of(&path)? != expected {
                // Or the next try would find it.
                std::fs::remove_file(&path).ok();
                return Err(Failure::new(
                    Code::InvalidData,
                    format!(
                        "the content of {name} has another size or SHA-256 than was announced; send it again"
                    ),
                ));
            }
            if archived {
                archive::unpack(std::fs::File::open(&path)?, &folder, most_bytes(true))?;
                std::fs::remove_file(&path)?;
            }
            Ok(())
        });
        checked
            .await
            .map_err(|error| Failure::new(Code::Internal, error.to_string()))?
    }
}
