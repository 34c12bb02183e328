//! Single objects by their key: small ones whole, large ones to a file, and what lies under a prefix.

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

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it is, as [`Key::as_str`] writes it.
    pub key: String,
    /// Size in bytes.
    pub bytes: u64,
    /// When it was stored, in Unix milliseconds of the store's clock.
    pub modified_ms: i64,
}

impl ArtifactStore {
    /// Stores a small object: the whole is there afterwards, or what was there before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn put_bytes(&self, key: &Key, bytes: Bytes) -> Result<(), ArtifactError> {
        let at = self.at(key);
        self.timely(self.inner.put(&at, bytes.into()))
            .await
            .map(drop)
    }

    /// A small object.
    ///
    /// # Errors
    /// When there is none, or it has more bytes than the cap.
    pub async fn get_bytes(&self, key: &Key, cap_bytes: u64) -> Result<Bytes, ArtifactError> {
        let mut chunks = self.read(key, None).await?;
        let mut whole = BytesMut::new();
        let mut pace = Pace::new(self.patience);
        let late = |stalled| ArtifactError::Stalled(key.to_string(), stalled);
        while let Some(chunk) = pace.next(&mut chunks).await.map_err(late)? {
            let chunk = chunk?;
            if (whole.len() + chunk.len()) as u64 > cap_bytes {
                return Err(ArtifactError::too_large(key.as_str(), cap_bytes));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// Removes an object; nothing there is no error.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn delete(&self, key: &Key) -> Result<(), ArtifactError> {
        match self.timely(self.inner.delete(&self.at(key))).await {
            Ok(()) | Err(ArtifactError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether there is an object at this key.
    ///
    /// # Errors
    /// When the store does not say.
    pub async fn exists(&self, key: &Key) -> Result<bool, ArtifactError> {
        match self.size(key).await {
            Ok(_) => Ok(true),
            Err(ArtifactError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The objects under a prefix, in the order of their keys.
    ///
    /// # Errors
    /// When the store does not say.
    pub async fn list(&self, prefix: &Key) -> Result<Vec<Listed>, ArtifactError> {
        let found = self.inner.list(Some(&self.at(prefix)));
        let found = found.map_ok(|object| Listed {
            key: self.key_of(&object.location),
            bytes: object.size,
            modified_ms: object.last_modified.timestamp_millis(),
        });
        let mut found: Vec<Listed> = self.timely(found.try_collect()).await?;
        found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    /// Whether an object has exactly this size and SHA-256 (hex). The size is asked first: a far too large
    /// object is not read.
    ///
    /// # Errors
    /// When there is no such object.
    pub async fn holds(&self, key: &Key, sha256: &str, bytes: u64) -> Result<bool, ArtifactError> {
        if self.size(key).await? != bytes {
            return Ok(false);
        }
        let mut chunks = self.read(key, None).await?;
        let mut digest = Sha256::new();
        let mut pace = Pace::new(self.patience);
        let late = |stalled| ArtifactError::Stalled(key.to_string(), stalled);
        while let Some(chunk) = pace.next(&mut chunks).await.map_err(late)? {
            digest.update(&chunk?);
        }
        Ok(hex::encode(digest.finalize()) == sha256)
    }

    /// Copies an object to a local file and answers its size. A file that was begun is removed on failure.
    ///
    /// # Errors
    /// When there is no such object, it has more bytes than the cap, or the file cannot be written.
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
