//! The content of an upload: one object, or one object for each part.
//!
//! Parts let a client continue an upload after its connection broke: only the parts that have not arrived are sent again.
//! They are never joined. A reader of the content reads them in order, so both kinds of store work the same.

use std::path::Path;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::copy;
use super::error::ArtifactError;
use super::incoming::Upload;
use super::key::{InvalidKey, Key};
use super::store::ArtifactStore;

impl Upload {
    /// Returns the number of parts.
    #[must_use]
    pub fn parts(&self) -> u32 {
        // At most 2,176 for the largest upload.
        u32::try_from(self.bytes.div_ceil(self.part_bytes)).unwrap_or(u32::MAX)
    }

    /// Returns the size of a part in bytes, or `None` if there is no part with this number. Numbers begin with 1. All
    /// parts have the same size, but the last one may be smaller.
    #[must_use]
    pub fn bytes_of_part(&self, number: u32) -> Option<u64> {
        let before = u64::from(number.checked_sub(1)?) * self.part_bytes;
        let rest = self.bytes.checked_sub(before).filter(|rest| *rest > 0)?;
        Some(rest.min(self.part_bytes))
    }

    /// Returns the key of a part of the content.
    ///
    /// # Errors
    /// Returns [`InvalidKey`] if the tenant's name is not allowed in a key.
    pub fn part_key(&self, tenant: &str, number: u32) -> Result<Key, InvalidKey> {
        Key::upload_part(tenant, &self.id.to_string(), &number.to_string())
    }
}

impl ArtifactStore {
    /// Returns the numbers of the parts of an upload that have not arrived, in order. A part of another size than
    /// [`Upload::bytes_of_part`] has not arrived.
    ///
    /// # Errors
    /// Returns the error of the store.
    pub async fn missing_parts(
        &self,
        tenant: &str,
        upload: &Upload,
    ) -> Result<Vec<u32>, ArtifactError> {
        let prefix = Key::parts_of(tenant, &upload.id.to_string()).map_err(failed)?;
        let mut missing: std::collections::BTreeSet<u32> = (1..=upload.parts()).collect();
        for object in self.list(&prefix).await? {
            let number = object.key.rsplit('/').next();
            if let Some(number) = number.and_then(|number| number.parse().ok())
                && upload.bytes_of_part(number) == Some(object.bytes)
            {
                missing.remove(&number);
            }
        }
        Ok(missing.into_iter().collect())
    }

    /// Copies the content of an upload to a local file and returns its size in bytes. On failure, the incomplete file is
    /// removed.
    ///
    /// # Errors
    /// Returns [`ArtifactError::NotFound`] if the content or a part of it has not arrived, [`ArtifactError::TooLarge`] if
    /// it has more bytes than announced, and another [`ArtifactError`] if the store fails or the file cannot be written.
    pub async fn copy_upload(
        &self,
        tenant: &str,
        upload: &Upload,
        path: &Path,
    ) -> Result<u64, ArtifactError> {
        let key = upload.key(tenant).map_err(failed)?;
        let chunks = match self.read(&key, None).await {
            Err(ArtifactError::NotFound(_)) => self.read_parts(tenant, upload)?,
            chunks => chunks?,
        };
        copy::to_file(key.as_str(), chunks, path, upload.bytes, self.patience).await
    }

    fn read_parts(
        &self,
        tenant: &str,
        upload: &Upload,
    ) -> Result<BoxStream<'static, Result<Bytes, ArtifactError>>, ArtifactError> {
        let keys = (1..=upload.parts()).map(|number| upload.part_key(tenant, number));
        let keys: Vec<Key> = keys.collect::<Result<_, _>>().map_err(failed)?;
        let store = self.clone();
        let parts = futures::stream::iter(keys).then(move |key| {
            let store = store.clone();
            async move { store.read(&key, None).await }
        });
        Ok(parts.try_flatten().boxed())
    }
}

fn failed(error: InvalidKey) -> ArtifactError {
    ArtifactError::Failed(Box::new(error))
}
