//! A bucket that is read and never written: where users keep models and data.

use std::path::Path;
use std::sync::Arc;

use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt};

use super::copy;
use super::error::ArtifactError;
use super::s3::S3Options;

/// The bucket.
#[derive(Clone)]
pub struct SourceBucket {
    inner: Arc<dyn ObjectStore>,
    options: Arc<S3Options>,
}

/// An object of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its whole key.
    pub key: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Changes when the content does, as far as the service tells.
    pub version: String,
}

impl SourceBucket {
    /// Opens the bucket; nothing is asked yet.
    ///
    /// # Errors
    /// When the options contradict each other.
    pub fn open(options: S3Options) -> Result<Self, ArtifactError> {
        Ok(Self {
            inner: Arc::new(options.client()?),
            options: Arc::new(options),
        })
    }

    /// The objects directly under a folder, or the one at this key.
    ///
    /// # Errors
    /// When the service refuses or does not answer.
    pub async fn find(&self, path: &str) -> Result<Vec<Found>, ArtifactError> {
        let at = object_store::path::Path::from(path);
        let found = |object: object_store::ObjectMeta| Found {
            version: object
                .e_tag
                .unwrap_or_else(|| object.last_modified.to_rfc3339()),
            key: object.location.to_string(),
            bytes: object.size,
        };
        match self.inner.head(&at).await {
            Ok(object) => return Ok(vec![found(object)]),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(self.options.explain(&error)),
        }
        let listed = self.inner.list_with_delimiter(Some(&at)).await;
        let listed = listed.map_err(|error| self.options.explain(&error))?;
        Ok(listed.objects.into_iter().map(found).collect())
    }

    /// Copies an object to a file.
    ///
    /// # Errors
    /// When it has more bytes than the cap, the service fails, or the file cannot be written.
    pub async fn copy_to_file(
        &self,
        key: &str,
        path: &Path,
        cap_bytes: u64,
    ) -> Result<u64, ArtifactError> {
        let explain = |error: object_store::Error| self.options.explain(&error);
        let object = self
            .inner
            .get(&object_store::path::Path::from(key))
            .await
            .map_err(explain)?;
        let chunks = object.into_stream().map_err(explain);
        copy::to_file(key, chunks, path, cap_bytes).await
    }
}
