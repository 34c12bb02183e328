//! Operations on single objects by key, and the listing of a prefix. Small objects are read into memory, large
//! ones are copied to a file.

use std::path::Path;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};

use super::copy;
use super::error::ArtifactError;
use super::key::Key;
use super::progress::Pace;
use super::store::ArtifactStore;

/// An object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Key of the object, in the format of [`Key::as_str`].
    pub key: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Time at which the object was stored, in Unix milliseconds of the store's clock.
    pub modified_ms: i64,
}

impl ArtifactStore {
    /// Stores a small object atomically: if this fails, the previous content of the key remains.
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if the object cannot be written.
    pub async fn put_bytes(&self, key: &Key, bytes: Bytes) -> Result<(), ArtifactError> {
        let at = self.at(key);
        self.with_timeout(self.inner.put(&at, bytes.into()))
            .await
            .map(drop)
    }

    /// Returns the content of a small object.
    ///
    /// # Errors
    /// Returns [`ArtifactError::NotFound`] if there is no object at the key, [`ArtifactError::TooLarge`] if it has
    /// more than `cap_bytes` bytes, and another [`ArtifactError`] if the store fails.
    pub async fn get_bytes(&self, key: &Key, cap_bytes: u64) -> Result<Bytes, ArtifactError> {
        let mut chunks = self.read(key, None).await?;
        let mut whole = BytesMut::new();
        let mut pace = Pace::new(self.patience);
        let stalled = |error| ArtifactError::Stalled(key.to_string(), error);
        while let Some(chunk) = pace.next(&mut chunks).await.map_err(stalled)? {
            let chunk = chunk?;
            if (whole.len() + chunk.len()) as u64 > cap_bytes {
                return Err(ArtifactError::too_large(key.as_str(), cap_bytes));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// Removes an object. Succeeds if there is no such object.
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if the object cannot be removed.
    pub async fn delete(&self, key: &Key) -> Result<(), ArtifactError> {
        match self.with_timeout(self.inner.delete(&self.at(key))).await {
            Ok(()) | Err(ArtifactError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Returns whether there is an object at this key.
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if the store fails.
    pub async fn exists(&self, key: &Key) -> Result<bool, ArtifactError> {
        match self.size(key).await {
            Ok(_) => Ok(true),
            Err(ArtifactError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the objects under a prefix, sorted by key.
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if the store fails.
    pub async fn list(&self, prefix: &Key) -> Result<Vec<Listed>, ArtifactError> {
        let found = self.inner.list(Some(&self.at(prefix)));
        let found = found.map_ok(|object| Listed {
            key: self.key_of(&object.location),
            bytes: object.size,
            modified_ms: object.last_modified.timestamp_millis(),
        });
        let mut found: Vec<Listed> = self.with_timeout(found.try_collect()).await?;
        found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    /// Returns whether an object has exactly this size in bytes and this SHA-256 (hex). The size is checked first,
    /// so that an object of another size is not read.
    ///
    /// # Errors
    /// Returns [`ArtifactError::NotFound`] if there is no such object, and another [`ArtifactError`] if the store
    /// fails.
    pub async fn holds(&self, key: &Key, sha256: &str, bytes: u64) -> Result<bool, ArtifactError> {
        if self.size(key).await? != bytes {
            return Ok(false);
        }
        let mut chunks = self.read(key, None).await?;
        let mut digest = Sha256::new();
        let mut pace = Pace::new(self.patience);
        let stalled = |error| ArtifactError::Stalled(key.to_string(), error);
        while let Some(chunk) = pace.next(&mut chunks).await.map_err(stalled)? {
            digest.update(&chunk?);
        }
        Ok(hex::encode(digest.finalize()) == sha256)
    }

    /// Copies an object to a local file and returns its size in bytes. On failure, the incomplete file is removed.
    ///
    /// # Errors
    /// Returns [`ArtifactError::NotFound`] if there is no such object, [`ArtifactError::TooLarge`] if it has more
    /// than `cap_bytes` bytes, and another [`ArtifactError`] if the store fails or the file cannot be written.
    pub async fn copy_to_file(
        &self,
        key: &Key,
        path: &Path,
        cap_bytes: u64,
    ) -> Result<u64, ArtifactError> {
        let chunks = self.read(key, None).await?;
        copy::to_file(key.as_str(), chunks, path, cap_bytes, self.patience).await
    }
}
