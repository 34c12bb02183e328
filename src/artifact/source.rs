//! A bucket in which users keep models and data. It is read and never written.

use std::sync::Arc;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::time::timeout;

use super::copy;
use super::error::ArtifactError;
use super::network::Trouble;
use super::progress::Patience;
use super::s3::S3Options;
use super::s3_failure::{self, Purpose};

/// A bucket with models or data.
#[derive(Clone)]
pub struct SourceBucket {
    inner: Arc<dyn ObjectStore>,
    options: Arc<S3Options>,
    patience: Patience,
}

/// An object of a source bucket.
#[derive(Clone, Debug)]
pub struct Found {
    /// Full key.
    pub key: String,
    /// The key below the folder that was asked for. Of a single object, the last part of the key.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Version of the content: the ETag, or the time of the last modification if the service sends no ETag.
    pub version: String,
    /// Conditions of a read request, which make it fail if the object has another version by then.
    unchanged: GetOptions,
}

impl Found {
    fn at(path: &Path, object: ObjectMeta) -> Self {
        let below: Option<Vec<_>> = object
            .location
            .prefix_match(path)
            .map(|parts| parts.collect());
        let modified = object.last_modified;
        let mut unchanged = GetOptions::default();
        match &object.e_tag {
            Some(tag) => unchanged.if_match = Some(tag.clone()),
            None => unchanged.if_unmodified_since = Some(modified),
        }
        Self {
            version: object.e_tag.unwrap_or_else(|| modified.to_rfc3339()),
            name: match below.as_deref() {
                None | Some([]) => object.location.filename().unwrap_or_default().to_owned(),
                Some(parts) => parts
                    .iter()
                    .map(AsRef::as_ref)
                    .collect::<Vec<_>>()
                    .join("/"),
            },
            key: object.location.to_string(),
            bytes: object.size,
            unchanged,
        }
    }
}

impl SourceBucket {
    /// Opens the bucket without sending a request.
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if the options are invalid.
    pub fn open(options: S3Options) -> Result<Self, ArtifactError> {
        Ok(Self {
            inner: Arc::new(options.client()?),
            options: Arc::new(options),
            patience: Patience::default(),
        })
    }

    /// Sets the time limits of requests and transfers.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Returns the object at this key. If there is none, returns the objects directly under it as a folder, and those in
    /// its subfolders with these names, sorted by key.
    ///
    /// # Errors
    /// Returns [`ArtifactError::Refused`] if the service refuses, and [`ArtifactError::Bucket`] if it fails or does not
    /// respond in time.
    pub async fn find(
        &self,
        path: &str,
        is_subfolder: fn(&str) -> bool,
    ) -> Result<Vec<Found>, ArtifactError> {
        let found = self.find_objects(Path::from(path), is_subfolder);
        match timeout(self.patience.answer, found).await {
            Ok(found) => found.map_err(|error| self.options.explain(&error, Purpose::Source)),
            Err(_) => {
                let late = s3_failure::describe(Trouble::Late);
                Err(ArtifactError::Bucket(self.options.sentence(&late)))
            }
        }
    }

    async fn find_objects(
        &self,
        at: Path,
        is_subfolder: fn(&str) -> bool,
    ) -> Result<Vec<Found>, Error> {
        match self.inner.head(&at).await {
            Err(Error::NotFound { .. }) => {}
            found => return Ok(vec![Found::at(&at, found?)]),
        }
        let listed = self.inner.list_with_delimiter(Some(&at)).await?;
        let mut objects = listed.objects;
        for folder in listed.common_prefixes {
            if folder.filename().is_some_and(is_subfolder) {
                let listed = self.inner.list_with_delimiter(Some(&folder)).await?;
                objects.extend(listed.objects);
            }
        }
        let objects = objects.into_iter();
        let mut found: Vec<Found> = objects.map(|object| Found::at(&at, object)).collect();
        found.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        Ok(found)
    }

    /// Copies an object to a file, unless it has changed since it was found.
    ///
    /// # Errors
    /// Returns [`ArtifactError::Changed`] if the object has changed or is gone, [`ArtifactError::Stalled`] if the
    /// transfer stalls, and another [`ArtifactError`] if the service fails or the file cannot be written.
    pub async fn copy_to_file(
        &self,
        found: &Found,
        path: &std::path::Path,
    ) -> Result<(), ArtifactError> {
        let changed = || ArtifactError::Changed(found.key.clone());
        let explain = |error: Error| match error {
            Error::Precondition { .. } | Error::NotFound { .. } => changed(),
            error => self.options.explain(&error, Purpose::Source),
        };
        let at = Path::from(found.key.as_str());
        let asked = self.inner.get_opts(&at, found.unchanged.clone());
        let object = timeout(self.patience.within, asked).await;
        let object = object.map_err(|_| {
            let late = s3_failure::describe(Trouble::Late);
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
