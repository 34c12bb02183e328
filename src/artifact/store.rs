//! The artifact store: one type for a local folder and for a bucket.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use tokio::sync::SemaphorePermit;

use super::error::ArtifactError;
use super::key::{FOLDERS, Key};
use super::private;
use super::progress::Patience;
use super::s3::{Bucket, S3Options};
use super::s3_failure::Purpose;
use super::sign::{LocalUrls, SigningKey};
use super::turns::Turns;
use crate::telemetry::metric;

/// Default time limits. The S3 client retries a request for up to a minute, and one part of a file is one request.
const PATIENCE: Patience = Patience {
    answer: Duration::from_secs(90),
    ..Patience::DEFAULT
};

/// Maximum duration of a [probe](ArtifactStore::probe). A store that takes longer counts as unavailable.
pub const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// A store of artifacts.
#[derive(Clone)]
pub struct ArtifactStore {
    pub(super) inner: Arc<dyn ObjectStore>,
    pub(super) backend: Backend,
    pub(super) patience: Patience,
}

/// The parts in which the two kinds of store differ.
#[derive(Clone)]
pub(super) enum Backend {
    Local {
        folder: PathBuf,
        urls: Option<LocalUrls>,
        turns: Turns,
    },
    S3(Arc<Bucket>),
}

impl ArtifactStore {
    /// Opens a local folder, and creates it if it does not exist. Only the user of this process can access it.
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if the folder cannot be created or used.
    pub fn local(root: &Path) -> Result<Self, ArtifactError> {
        private::folder(root, &FOLDERS)?;
        let inner = LocalFileSystem::new_with_prefix(root)?
            .with_automatic_cleanup(true)
            .with_fsync(true);
        let backend = Backend::Local {
            folder: root.to_owned(),
            urls: None,
            turns: Turns::new(),
        };
        Ok(Self {
            inner: Arc::new(inner),
            backend,
            patience: PATIENCE,
        })
    }

    /// Opens a bucket without sending a request. [`probe`](Self::probe) checks whether the bucket can be used.
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if the options are invalid.
    pub fn s3(options: S3Options) -> Result<Self, ArtifactError> {
        let (inner, bucket) = Bucket::open(options)?;
        Ok(Self {
            inner,
            backend: Backend::S3(bucket),
            patience: PATIENCE,
        })
    }

    /// Sets the time limits of requests and transfers.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Runs a request, and cancels it after the time limit.
    pub(super) async fn with_timeout<T>(
        &self,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, ArtifactError> {
        let limit = self.patience.answer;
        match tokio::time::timeout(limit, request).await {
            Ok(answer) => answer.map_err(|error| self.failed(error)),
            Err(_) => Err(ArtifactError::Late { limit }),
        }
    }

    /// Sets the key with which a local store signs its URLs, and the URL at which clients reach this service. Has no
    /// effect on a bucket, which signs URLs with its own access keys.
    #[must_use]
    pub fn with_urls(mut self, key: Arc<SigningKey>, public_url: &str) -> Self {
        if let Backend::Local { urls, .. } = &mut self.backend {
            *urls = Some(LocalUrls {
                signing: key,
                base: public_url.trim_end_matches('/').into(),
            });
        }
        self
    }

    /// Returns the size of an object in bytes.
    ///
    /// # Errors
    /// Returns [`ArtifactError::NotFound`] if there is no such object, and another [`ArtifactError`] if the store
    /// fails.
    pub async fn size(&self, key: &Key) -> Result<u64, ArtifactError> {
        let _turn = self.turn().await;
        Ok(self
            .with_timeout(self.inner.head(&self.at(key)))
            .await?
            .size)
    }

    /// Returns the bytes of an object, or a range of them, as a stream of chunks.
    ///
    /// # Errors
    /// Returns [`ArtifactError::NotFound`] if there is no such object, and another [`ArtifactError`] if the store
    /// fails.
    pub async fn read(
        &self,
        key: &Key,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, ArtifactError>>, ArtifactError> {
        let options = GetOptions::new().with_range(range.map(GetRange::Bounded));
        let turn = self.turn().await;
        let found = self
            .with_timeout(self.inner.get_opts(&self.at(key), options))
            .await?;
        drop(turn);
        let store = self.clone();
        let content = found
            .into_stream()
            .map_err(move |error| store.failed(error))
            .boxed();
        Ok(match &self.backend {
            Backend::Local { turns, .. } => turns.clone().per_item(content),
            Backend::S3(_) => content,
        })
    }

    /// Waits for a turn on a local file system. A bucket has no turns.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        match &self.backend {
            Backend::Local { turns, .. } => turns.wait().await,
            Backend::S3(_) => None,
        }
    }

    /// Removes all objects under a prefix. In a local folder, also removes the drafts of interrupted uploads. Succeeds
    /// if there are none.
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if an object cannot be removed.
    pub async fn delete_prefix(&self, prefix: &Key) -> Result<(), ArtifactError> {
        let found = self.inner.list(Some(&self.at(prefix)));
        let found = found.map_ok(|object| object.location);
        let found: Vec<_> = self.with_timeout(found.try_collect()).await?;
        let locations = futures::stream::iter(found.into_iter().map(Ok)).boxed();
        let mut deleted = self.inner.delete_stream(locations);
        let next = async |deleted: &mut BoxStream<'_, _>| Ok(deleted.next().await);
        while let Some(outcome) = self.with_timeout(next(&mut deleted)).await? {
            match outcome {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        // An interrupted upload leaves a draft file, which the listing does not show.
        let Backend::Local { folder, .. } = &self.backend else {
            return Ok(());
        };
        match tokio::fs::remove_dir_all(folder.join(prefix.as_str())).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Checks that an object can be written to the store and read back within [`PROBE_LIMIT`].
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if it cannot.
    pub async fn probe(&self) -> Result<(), ArtifactError> {
        let ready = Bytes::from_static(b"ready");
        let probed = async {
            self.put_bytes(&Key::probe(), ready.clone()).await?;
            self.get_bytes(&Key::probe(), ready.len() as u64).await
        };
        match tokio::time::timeout(PROBE_LIMIT, probed).await {
            Ok(probed) => probed.map(drop),
            Err(_) => Err(ArtifactError::Late { limit: PROBE_LIMIT }),
        }
    }

    /// Returns the location of an object. In a bucket, it begins with the prefix.
    pub(super) fn at(&self, key: &Key) -> object_store::path::Path {
        match &self.backend {
            Backend::Local { .. } => key.as_str().into(),
            Backend::S3(bucket) => format!("{}/{key}", bucket.options.prefix).into(),
        }
    }

    /// The reverse of [`at`](Self::at).
    pub(super) fn key_of(&self, location: &object_store::path::Path) -> String {
        let text = location.as_ref();
        match &self.backend {
            Backend::Local { .. } => text,
            Backend::S3(bucket) => text
                .strip_prefix(bucket.options.prefix.trim_matches('/'))
                .map_or(text, |rest| rest.trim_start_matches('/')),
        }
        .to_owned()
    }

    /// Converts an error, and counts it in the metrics unless it says that there is no such object.
    pub(super) fn failed(&self, error: object_store::Error) -> ArtifactError {
        let failed = self.explain(error);
        if !matches!(failed, ArtifactError::NotFound(_)) {
            metrics::counter!(metric::ARTIFACT_STORE_ERRORS).increment(1);
        }
        failed
    }

    fn explain(&self, error: object_store::Error) -> ArtifactError {
        match (&self.backend, error) {
            (Backend::S3(bucket), error) => match error {
                // Only the service's error text tells a missing bucket from a missing object.
                object_store::Error::NotFound { path, ref source }
                    if !source.to_string().contains("NoSuchBucket") =>
                {
                    ArtifactError::NotFound(path)
                }
                error => bucket.options.explain(&error, Purpose::Store),
            },
            (Backend::Local { .. }, error) => error.into(),
        }
    }
}
