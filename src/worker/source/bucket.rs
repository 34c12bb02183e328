//! `s3://` sources: models and data files in buckets that the operator allows.

use std::collections::BTreeMap;
use std::path::Path;

use super::cache::{Cache, Held};
use super::uri::{BucketUri, is_plain};
use super::{model_files, most_bytes};
use crate::artifact::error::ArtifactError;
use crate::artifact::progress::Patience;
use crate::artifact::s3::S3Options;
use crate::artifact::source::{Found, SourceBucket};
use crate::checkpoint::layout;
use crate::data::format as data_format;
use crate::prune::digest::Digest;
use crate::prune::failure::{Code, Failure};
use crate::prune::watch::Watch;

/// Buckets from which may be read.
#[derive(Clone)]
pub struct Buckets {
    buckets: BTreeMap<String, SourceBucket>,
    cache: Cache,
}

impl Buckets {
    /// These, all reached in the same way.
    ///
    /// # Errors
    /// A sentence, when the options contradict each other.
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

    /// The same, which are waited for so long.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        for bucket in self.buckets.values_mut() {
            *bucket = bucket.clone().with_patience(patience);
        }
        self
    }

    /// What a source is now. Of one that was pinned before it must still be that.
    ///
    /// # Errors
    /// When the bucket is not allowed, does not hold what is asked for, or what it held then.
    pub async fn pin(
        &self,
        uri: &BucketUri,
        model: bool,
        pinned: Option<&str>,
    ) -> Result<String, Failure> {
        Ok(self.find(uri, model, pinned).await?.1)
    }

    /// The source on this machine: a folder with its files, as they were when it was pinned.
    ///
    /// # Errors
    /// See [`pin`](Self::pin); and when it has too many bytes or cannot be copied.
    pub async fn entry(
        &self,
        uri: &BucketUri,
        model: bool,
        pinned: Option<&str>,
        watch: &dyn Watch,
    ) -> Result<Held, Failure> {
        let (found, version) = self.find(uri, model, pinned).await?;
        let bytes: u64 = found.iter().map(|file| file.bytes).sum();
        let most = most_bytes(model);
        if bytes > most {
            return Err(Failure::new(
                Code::LimitExceeded,
                format!("{uri} has {bytes} bytes; at most {most} are taken"),
            ));
        }
        let draft = self.cache.draft(&version);
        let fill = |_| self.fill(uri, &found, &draft, watch);
        self.cache.entry(&version, bytes, watch, fill).await
    }

    /// The files that a source has, those of a model's folder or the one data file, and its version: a digest over all
    /// that tells one content from another.
    async fn find(
        &self,
        uri: &BucketUri,
        model: bool,
        pinned: Option<&str>,
    ) -> Result<(Vec<Found>, String), Failure> {
        let found = self.bucket(uri)?.find(&uri.path).await;
        let mut found = found.map_err(|error| unreadable(uri, error))?;
        let name = |key: &str| key.rsplit('/').next().unwrap_or_default().to_owned();
        if model {
            let names: Vec<String> = found.iter().map(|file| name(&file.key)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            layout::check(uri, &names)?;
            found.retain(|file| model_files::belongs(&name(&file.key)));
        } else if found.len() != 1 || found[0].key != uri.path || !is_plain(&name(&uri.path)) {
            return Err(Failure::new(
                Code::SourceNotFound,
                format!("{uri} is no file; name one of {}", data_format::described()),
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
            let name = file.key.rsplit('/').next().unwrap_or_default();
            let path = draft.join(name);
            // What arrived whole before a fill broke off is taken up; what is on its way has another name.
            if path.is_file() {
                continue;
            }
            let coming = draft.join(format!("{name}.part"));
            let copied = bucket.copy_to_file(file, &coming).await;
            copied.map_err(|error| unreadable(uri, error))?;
            std::fs::rename(coming, path)?;
        }
        Ok(())
    }

    fn bucket(&self, uri: &BucketUri) -> Result<&SourceBucket, Failure> {
        self.buckets.get(&uri.bucket).ok_or_else(|| {
            Failure::new(
                Code::SourceNotFound,
                format!(
                    "{uri} is in a bucket from which this service may not read (--source-bucket)"
                ),
            )
        })
    }
}

/// Why a source cannot be read from its bucket.
fn unreadable(uri: &BucketUri, error: ArtifactError) -> Failure {
    match error {
        ArtifactError::Changed(_) | ArtifactError::NotFound(_) => changed(uri),
        ArtifactError::Refused(_) => Failure::new(
            Code::SourceNotFound,
            format!("{uri} cannot be read: {error}"),
        ),
        ArtifactError::Bucket(_) | ArtifactError::Stalled(..) => Failure::new(
            Code::SourceUnavailable,
            format!("{uri} cannot be read now: {error}"),
        ),
        error => error.into(),
    }
}

fn changed(uri: &BucketUri) -> Failure {
    Failure::new(
        Code::SourceNotFound,
        format!("{uri} changed since the job was accepted; submit the job again"),
    )
}
