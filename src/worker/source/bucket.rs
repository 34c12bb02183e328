//! `s3://` sources: models and data files in buckets that the operator allows.

use std::collections::BTreeMap;
use std::path::Path;

use super::cache::{Cache, Held};
use super::uri::{BucketUri, is_plain};
use super::{model_files, most_bytes};
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

    /// The files that a source has: those of a model's folder, or the one data file.
    ///
    /// # Errors
    /// When the bucket is not allowed, or does not hold what is asked for.
    pub async fn find(&self, uri: &BucketUri, model: bool) -> Result<Vec<Found>, Failure> {
        let found = self.bucket(uri)?.find(&uri.path).await;
        let mut found =
            found.map_err(|error| Failure::new(Code::SourceUnavailable, error.to_string()))?;
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
        Ok(found)
    }

    /// The source on this machine: a folder with its files.
    ///
    /// # Errors
    /// See [`find`](Self::find); and when it has too many bytes or cannot be copied.
    pub async fn entry(
        &self,
        uri: &BucketUri,
        model: bool,
        watch: &dyn Watch,
    ) -> Result<Held, Failure> {
        let found = self.find(uri, model).await?;
        let mut digest = Digest::new("bucket/1").part("uri", uri.to_string());
        for file in &found {
            digest = digest
                .part("key", &file.key)
                .part("version", &file.version)
                .part("bytes", file.bytes.to_string());
        }
        let key = digest.hex();
        let bytes: u64 = found.iter().map(|file| file.bytes).sum();
        let most = most_bytes(model);
        if bytes > most {
            return Err(Failure::new(
                Code::LimitExceeded,
                format!("{uri} has {bytes} bytes; at most {most} are taken"),
            ));
        }
        let draft = self.cache.draft(&key);
        let fill = self.fill(uri, &found, &draft, watch);
        self.cache.entry(&key, bytes, watch, fill).await
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
            let copied = bucket
                .copy_to_file(&file.key, &path, file.bytes)
                .await
                .map_err(|error| Failure::new(Code::SourceUnavailable, error.to_string()))?;
            if copied != file.bytes {
                return Err(Failure::new(
                    Code::SourceUnavailable,
                    format!("{} changed while it was read", file.key),
                ));
            }
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
