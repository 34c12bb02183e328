//! The object store: a local folder or a bucket, behind one type.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};

use super::error::ArtifactError;
use super::key::Key;
use super::progress::Patience;
use super::s3::{Bucket, S3Options};
use super::s3_failure::Asks;
use super::sign::SigningKey;
use super::url::LocalUrls;
use crate::telemetry::metric;

/// A request may be repeated for a minute; a part of a file is one request.
const PATIENCE: Patience = Patience {
    answer: Duration::from_secs(90),
    ..Patience::DEFAULT
};

/// A store that takes longer than this to show that it works does not.
pub const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// Where artifacts live.
#[derive(Clone)]
pub struct ArtifactStore {
    pub(super) inner: Arc<dyn ObjectStore>,
    pub(super) backend: Backend,
    pub(super) patience: Patience,
}

/// What the two kinds do not share.
#[derive(Clone)]
pub(super) enum Backend {
    Local {
        folder: PathBuf,
        urls: Option<LocalUrls>,
    },
    S3(Arc<Bucket>),
}

impl ArtifactStore {
    /// A local folder, made where it is missing.
    ///
    /// # Errors
    /// When it cannot be made or used.
    pub fn local(root: &Path) -> Result<Self, ArtifactError> {
        std::fs::create_dir_all(root)?;
        let inner = LocalFileSystem::new_with_prefix(root)?
            .with_automatic_cleanup(true)
            .with_fsync(true);
        let backend = Backend::Local {
            folder: root.to_owned(),
            urls: None,
        };
        Ok(Self {
            inner: Arc::new(inner),
            backend,
            patience: PATIENCE,
        })
    }

    /// A bucket. Nothing is asked yet; [`probe`](Self::probe) says whether it can be used.
    ///
    /// # Errors
    /// When the options contradict each other.
    pub fn s3(options: S3Options) -> Result<Self, ArtifactError> {
        let (inner, bucket) = Bucket::open(options)?;
        Ok(Self {
            inner,
            backend: Backend::S3(bucket),
            patience: PATIENCE,
        })
    }

    /// The same store, waited for so long.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// What a request comes to, if it comes in time.
    pub(super) async fn timely<T>(
        &self,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, ArtifactError> {
        let limit = self.patience.answer;
        match tokio::time::timeout(limit, request).await {
            Ok(answer) => answer.map_err(|error| self.failed(error)),
            Err(_) => Err(ArtifactError::Late { limit }),
        }
    }

    /// What a local store signs its URLs with, and where callers reach this service. A bucket has its own.
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

    /// Size of an object in bytes.
    ///
    /// # Errors
    /// When there is no such object.
    pub async fn size(&self, key: &Key) -> Result<u64, ArtifactError> {
        Ok(self.timely(self.inner.head(&self.at(key))).await?.size)
    }

    /// The bytes of an object, or a range of them, chunk by chunk.
    ///
    /// # Errors
    /// When there is no such object.
    pub async fn read(
        &self,
        key: &Key,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, ArtifactError>>, ArtifactError> {
        let options = GetOptions::new().with_range(range.map(GetRange::Bounded));
        let found = self
            .timely(self.inner.get_opts(&self.at(key), options))
            .await?;
        let store = self.clone();
        Ok(found
            .into_stream()
            .map_err(move |error| store.failed(error))
            .boxed())
    }

    /// Removes everything under a prefix, drafts of uploads that were killed too; nothing there is no error.
    ///
    /// # Errors
    /// When an object cannot be removed.
    pub async fn delete_prefix(&self, prefix: &Key) -> Result<(), ArtifactError> {
        let found = self.inner.list(Some(&self.at(prefix)));
        let found = found.map_ok(|object| object.location);
        let found: Vec<_> = self.timely(found.try_collect()).await?;
        let locations = futures::stream::iter(found.into_iter().map(Ok)).boxed();
        let mut deleted = self.inner.delete_stream(locations);
        let next = async |deleted: &mut BoxStream<'_, _>| Ok(deleted.next().await);
        while let Some(outcome) = self.timely(next(&mut deleted)).await? {
            match outcome {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        // An upload that was killed leaves its draft, which a listing hides.
        let Backend::Local { folder, .. } = &self.backend else {
            return Ok(());
        };
        match tokio::fs::remove_dir_all(folder.join(prefix.as_str())).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Whether the store takes and gives back an object, within [`PROBE_LIMIT`].
    ///
    /// # Errors
    /// When it does not.
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

    /// Where an object lies, in a bucket under its prefix.
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

    pub(super) fn failed(&self, error: object_store::Error) -> ArtifactError {
        let failed = self.told(error);
        if !matches!(failed, ArtifactError::NotFound(_)) {
            metrics::counter!(metric::ARTIFACT_STORE_ERRORS).increment(1);
        }
        failed
    }

    fn told(&self, error: object_store::Error) -> ArtifactError {
        match (&self.backend, error) {
            (Backend::S3(bucket), error) => match error {
                // A missing bucket looks like a missing object, but for the service's word.
                object_store::Error::NotFound { path, ref source }
                    if !source.to_string().contains("NoSuchBucket") =>
                {
                    ArtifactError::NotFound(path)
                }
                error => bucket.options.explain(&error, Asks::ToStore),
            },
            (Backend::Local { .. }, error) => error.into(),
        }
    }
}
