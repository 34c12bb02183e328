//! A bucket that is read and never written: where users keep models and data.

use std::path::Path;
use std::sync::Arc;

use futures::TryStreamExt;
use object_store::{Error, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::time::timeout;

use super::copy;
use super::error::ArtifactError;
use super::network::Trouble;
use super::progress::Patience;
use super::s3::S3Options;
use super::s3_failure::{self, Asks};

/// The bucket.
#[derive(Clone)]
pub struct SourceBucket {
    inner: Arc<dyn ObjectStore>,
    options: Arc<S3Options>,
    patience: Patience,
}

/// An object of it.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its whole key.
    pub key: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Changes when the content does, as far as the service tells.
    pub version: String,
    /// That it is still this version when it is read.
    unchanged: GetOptions,
}

impl From<ObjectMeta> for Found {
    fn from(object: ObjectMeta) -> Self {
        let modified = object.last_modified;
        let mut unchanged = GetOptions::default();
        match &object.e_tag {
            Some(tag) => unchanged.if_match = Some(tag.clone()),
            None => unchanged.if_unmodified_since = Some(modified),
        }
        Self {
            version: object.e_tag.unwrap_or_else(|| modified.to_rfc3339()),
            key: object.location.to_string(),
            bytes: object.size,
            unchanged,
        }
    }
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
            patience: Patience::default(),
        })
    }

    /// The same, which is waited for so long.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The objects directly under a folder, in the order of their keys, or the one at this key.
    ///
    /// # Errors
    /// When the service refuses or does not answer.
    pub async fn find(&self, path: &str) -> Result<Vec<Found>, ArtifactError> {
        let at = object_store::path::Path::from(path);
        match timeout(self.patience.answer, self.look(&at)).await {
            Ok(found) => found.map_err(|error| self.options.explain(&error, Asks::ToRead)),
            Err(_) => {
                let late = s3_failure::told(Trouble::Late);
                Err(ArtifactError::Bucket(self.options.sentence(&late)))
            }
        }
    }

    async fn look(&self, at: &object_store::path::Path) -> Result<Vec<Found>, Error> {
        match self.inner.head(at).await {
            Err(Error::NotFound { .. }) => {}
            found => return Ok(vec![found?.into()]),
        }
        let listed = self.inner.list_with_delimiter(Some(at)).await?;
        let mut found: Vec<Found> = listed.objects.into_iter().map(Found::from).collect();
        found.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        Ok(found)
    }

    /// Copies an object to a file, if it is still what was found.
    ///
    /// # Errors
    /// When it changed, the service fails, it brings too little for too long, or the file cannot be written.
    pub async fn copy_to_file(&self, found: &Found, path: &Path) -> Result<(), ArtifactError> {
        let changed = || ArtifactError::Changed(found.key.clone());
        let explain = |error: Error| match error {
            Error::Precondition { .. } | Error::NotFound { .. } => changed(),
            error => self.options.explain(&error, Asks::ToRead),
        };
        let at = object_store::path::Path::from(found.key.as_str());
        let asked = self.inner.get_opts(&at, found.unchanged.clone());
        let object = timeout(self.patience.within, asked).await;
        let object = object.map_err(|_| {
            let late = s3_failure::told(Trouble::Late);
            ArtifactError::Bucket(self.options.sentence(&late))
        })?;
        let chunks = object.map_err(explain)?.into_stream().map_err(explain);
        let copied = copy::to_file(&found.key, chunks, path, found.bytes, self.patience).await;
        match copied {
            Ok(bytes) if bytes == found.bytes => Ok(()),
            Ok(_) | Err(ArtifactError::TooLarge { .. }) => Err(changed()),
            Err(error) => Err(error),
        }
    }
}
