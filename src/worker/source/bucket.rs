//! `s3://` sources: models and data files in buckets that the operator allows.

use std::collections::BTreeMap;
use std::path::Path;

use super::cache::{Cache, Held};
use super::limits::max_bytes;
use super::model_files;
use super::uri::{BucketUri, is_plain};
use crate::artifact::error::ArtifactError;
use crate::artifact::progress::Patience;
use crate::artifact::s3::S3Options;
use crate::artifact::source::{Found, SourceBucket};
use crate::checkpoint::layout;
use crate::checkpoint::sentence::names as sentence;
use crate::data::format as data_format;
use crate::file_name::beside;
use crate::prune::digest::Digest;
use crate::prune::failure::{Code, Failure};
use crate::prune::watch::Watch;

/// The buckets that this service may read.
#[derive(Clone)]
pub struct Buckets {
    buckets: BTreeMap<String, SourceBucket>,
    cache: Cache,
}

impl Buckets {
    /// Opens these buckets, all with the same endpoint and credentials.
    ///
    /// # Errors
    /// Returns a sentence if the options contradict each other.
    pub fn new(names: &[String], options: &S3Options, cache: Cache) -> Result<Self, String> {
        let open = |name: &String| {
            let options = S3Options {
                bucket: name.clone(),
                prefix: String::new(),
                ..options.clone()
            };
            let bucket = SourceBucket::open(options).map_err(|error| error.to_string())?;
            Ok((name.clone(), bucket))
        };
        Ok(Self {
            buckets: names.iter().map(open).collect::<Result<_, String>>()?,
            cache,
        })
    }

    /// Returns the same buckets with other timeouts.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        for bucket in self.buckets.values_mut() {
            *bucket = bucket.clone().with_patience(patience);
        }
        self
    }

    /// Returns the current version of a source. If `pinned` is given, the version must still be that one.
    ///
    /// # Errors
    /// Returns an error if the bucket is not allowed, if the source is not found, or if it has changed since it was
    /// pinned.
    pub async fn pin(
        &self,
        uri: &BucketUri,
        model: bool,
        pinned: Option<&str>,
    ) -> Result<String, Failure> {
        Ok(self.find(uri, model, pinned).await?.1)
    }

    /// Returns the source as a cache entry: a folder with its files, in the pinned version.
    ///
    /// # Errors
    /// Returns the errors of [`pin`](Self::pin), and an error if the source is too large or cannot be copied.
    pub async fn entry(
        &self,
        uri: &BucketUri,
        model: bool,
        pinned: Option<&str>,
        watch: &dyn Watch,
    ) -> Result<Held, Failure> {
        let (found, version) = self.find(uri, model, pinned).await?;
        let bytes: u64 = found.iter().map(|file| file.bytes).sum();
        let limit = max_bytes(model);
        if bytes > limit {
            return Err(Failure::new(
                Code::LimitExceeded,
                format!("{uri} is too large: {bytes} bytes, the limit is {limit}"),
            ));
        }
        let draft = self.cache.draft(&version);
        let fill = |_| self.fill(uri, &found, &draft, watch);
        self.cache.entry(&version, bytes, watch, fill).await
    }

    /// Returns the files of a source and its version. The files are those of the model's folder, or the one data file.
    /// The version is a digest of the URI and of the key, object version and size of each file.
    async fn find(
        &self,
        uri: &BucketUri,
        model: bool,
        pinned: Option<&str>,
    ) -> Result<(Vec<Found>, String), Failure> {
        let found = self.bucket(uri)?.find(&uri.path, sentence::is_folder).await;
        let mut found = found.map_err(|error| unreadable(uri, error))?;
        if model {
            let names: Vec<&str> = found.iter().map(|file| file.name.as_str()).collect();
            layout::check(uri, &names)?;
            found.retain(|file| model_files::belongs(&file.name));
        } else if found.len() != 1 || found[0].key != uri.path || !is_plain(&found[0].name) {
            return Err(Failure::new(
                Code::SourceNotFound,
                format!(
                    "{uri} is not a data file; the URI must name one of {}",
                    data_format::described()
                ),
            ));
        }
        let mut digest = Digest::new("bucket/1").part("uri", uri.to_string());
        for file in &found {
            digest = digest
                .part("key", &file.key)
                .part("version", &file.version)
                .part("bytes", file.bytes.to_string());
        }
        let version = digest.hex();
        match pinned.is_none_or(|pinned| pinned == version) {
            true => Ok((found, version)),
            false => Err(changed(uri)),
        }
    }

    async fn fill(
        &self,
        uri: &BucketUri,
        found: &[Found],
        draft: &Path,
        watch: &dyn Watch,
    ) -> Result<(), Failure> {
        let bucket = self.bucket(uri)?;
        for file in found {
            watch.proceed()?;
            let path = draft.join(&file.name);
            // Reuse files that an interrupted fill completed; incomplete files have the extension `.part`.
            if path.is_file() {
                continue;
            }
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            let partial = beside(&path, ".part");
            let copied = bucket.copy_to_file(file, &partial).await;
            copied.map_err(|error| unreadable(uri, error))?;
            std::fs::rename(partial, path)?;
        }
        Ok(())
    }

    fn bucket(&self, uri: &BucketUri) -> Result<&SourceBucket, Failure> {
        self.buckets.get(&uri.bucket).ok_or_else(|| {
            Failure::new(
                Code::SourceNotFound,
                format!(
                    "{uri} is in a bucket that this service may not read; allow it with --source-bucket"
                ),
            )
        })
    }
}

/// Maps an error of a bucket to the failure of the job.
fn unreadable(uri: &BucketUri, error: ArtifactError) -> Failure {
    match error {
        ArtifactError::Changed(_) | ArtifactError::NotFound(_) => changed(uri),
        ArtifactError::Refused(_) => Failure::new(
            Code::SourceNotFound,
            format!("could not read {uri}: {error}"),
        ),
        ArtifactError::Bucket(_) | ArtifactError::Stalled(..) => Failure::new(
            Code::SourceUnavailable,
            format!("{uri} is unavailable: {error}"),
        ),
        error => error.into(),
    }
}

fn changed(uri: &BucketUri) -> Failure {
    Failure::new(
        Code::SourceNotFound,
        format!("{uri} has changed since the job was accepted; submit the job again"),
    )
}
