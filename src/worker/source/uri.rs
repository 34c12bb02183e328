//! Parses the URIs of models and data.

use std::fmt;
use std::path::PathBuf;

use strum::{EnumString, IntoStaticStr, VariantArray};
use url::Url;

use crate::artifact::incoming::UploadId;
use crate::prune::failure::{Code, Failure};

/// The URI of a source, by scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceUri {
    /// `file:///absolute/path`
    File(PathBuf),
    /// `hf://org/name[@revision]` for a model, or `hf://datasets/org/name[@revision]/path` for files of a dataset
    Hub(HubUri),
    /// `s3://bucket/folder` for a model, or `s3://bucket/path/file` for data
    Bucket(BucketUri),
    /// `upload://id`
    Upload(UploadId),
}

/// The scheme of a URI, before `://`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Scheme {
    /// Files on this machine.
    File,
    /// The Hugging Face Hub, or a mirror.
    Hf,
    /// S3 buckets.
    S3,
    /// Uploads of the tenant.
    Upload,
}

/// A folder or a file in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketUri {
    /// Name of the bucket.
    pub bucket: String,
    /// Path of the folder or file, without a leading or trailing slash.
    pub path: String,
}

/// A repository on a hub, or files in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubUri {
    /// Kind of the repository.
    pub kind: HubKind,
    /// `org/name`.
    pub repository: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// A file of a dataset, or a pattern: `*` matches any characters within a path segment, `?` matches one. `None` for
    /// a model, which is a folder, and for a dataset URI without a path.
    pub file: Option<String>,
}

/// Kind of a repository on a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HubKind {
    /// A checkpoint.
    Model,
    /// Data files.
    Dataset,
}

/// The default branch.
const MAIN: &str = "main";

/// The characters that make a path a pattern.
const PATTERN: [char; 2] = ['*', '?'];

impl SourceUri {
    /// Parses a URI.
    ///
    /// # Errors
    /// Returns [`Code::SourceNotFound`] if this release does not support the URI.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let unknown = || {
            Failure::new(
                Code::SourceNotFound,
                format!(
                    "unsupported source \"{text}\"; use file:///absolute/path, s3://bucket/path, upload://id, \
                     hf://org/name@revision for a model, or hf://datasets/org/name@revision/path for a data file, where path may \
                     be a pattern such as data/train-*.parquet"
                ),
            )
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(unknown)?;
        match scheme.parse().map_err(|_| unknown())? {
            Scheme::Hf => HubUri::parse(rest).map(Self::Hub).ok_or_else(unknown),
            Scheme::S3 => BucketUri::parse(rest).map(Self::Bucket).ok_or_else(unknown),
            Scheme::Upload => rest.parse().map(Self::Upload).map_err(|_| unknown()),
            Scheme::File => {
                let url = Url::parse(text).map_err(|_| unknown())?;
                if url.query().is_some() || url.fragment().is_some() {
                    return Err(unknown());
                }
                url.to_file_path().map(Self::File).map_err(|()| unknown())
            }
        }
    }
}

impl BucketUri {
    fn parse(rest: &str) -> Option<Self> {
        let (bucket, path) = rest.trim_end_matches('/').split_once('/')?;
        let good = is_plain(bucket) && path.split('/').all(is_plain);
        good.then(|| Self {
            bucket: bucket.to_owned(),
            path: path.to_owned(),
        })
    }
}

impl fmt::Display for BucketUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.path)
    }
}

impl HubUri {
    fn parse(rest: &str) -> Option<Self> {
        match rest.strip_prefix("datasets/") {
            Some(rest) => {
                let (organization, rest) = rest.split_once('/')?;
                let end = rest.find(['/', '@']).unwrap_or(rest.len());
                let (name, rest) = rest.split_at(end);
                let (revision, file) = match rest.strip_prefix('@') {
                    Some(rest) => split_revision(rest),
                    None => (MAIN, rest.trim_start_matches('/')),
                };
                let file = Some(file.trim_end_matches('/')).filter(|file| !file.is_empty());
                Self::checked(HubKind::Dataset, organization, name, revision, file)
            }
            None => {
                let (path, revision) = rest.split_once('@').unwrap_or((rest, MAIN));
                let (organization, name) = path.split_once('/')?;
                Self::checked(HubKind::Model, organization, name, revision, None)
            }
        }
    }

    fn checked(
        kind: HubKind,
        organization: &str,
        name: &str,
        revision: &str,
        file: Option<&str>,
    ) -> Option<Self> {
        // In a dataset URI a path follows the revision, so a slash in the revision is written as %2F, as in other tools
        // that support `hf://`. `~parquet` is short for `refs/convert/parquet`.
        let revision = match revision.strip_prefix('~') {
            Some(conversion) => format!("refs/convert/{conversion}"),
            None => revision.replace("%2F", "/").replace("%2f", "/"),
        };
        let good = is_plain(organization)
            && is_plain(name)
            && revision.split('/').all(is_plain)
            && file.is_none_or(|file| file.split('/').all(is_plain_or_pattern));
        good.then(|| Self {
            kind,
            repository: format!("{organization}/{name}"),
            revision,
            file: file.map(str::to_owned),
        })
    }

    /// Returns the file pattern, if the URI has one; `None` if it names a single file or none.
    #[must_use]
    pub fn pattern(&self) -> Option<&str> {
        self.file.as_deref().filter(|file| file.contains(PATTERN))
    }

    /// Returns the same URI at another revision.
    #[must_use]
    pub fn at(&self, revision: &str) -> Self {
        Self {
            revision: revision.to_owned(),
            ..self.clone()
        }
    }
}

impl fmt::Display for HubUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            repository,
            revision,
            ..
        } = self;
        match (self.kind, &self.file) {
            (HubKind::Model, _) => write!(formatter, "hf://{repository}@{revision}"),
            (HubKind::Dataset, file) => {
                let revision = revision.replace('/', "%2F");
                write!(formatter, "hf://datasets/{repository}@{revision}")?;
                match file {
                    Some(file) => write!(formatter, "/{file}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Splits `revision/path`. The revision has one segment, as in `main/a/b`, but three if it begins with `refs/convert/`
/// or `refs/pr/`, as in `refs/convert/parquet/a/b` and `refs/pr/1/a/b`.
fn split_revision(rest: &str) -> (&str, &str) {
    let segments = match rest.starts_with("refs/convert/") || rest.starts_with("refs/pr/") {
        true => 3,
        false => 1,
    };
    match rest.match_indices('/').nth(segments - 1) {
        Some((end, _)) => (&rest[..end], &rest[end + 1..]),
        None => (rest, ""),
    }
}

/// Returns whether a path matches a pattern. `*` matches any characters and `?` matches one; neither matches a slash.
#[must_use]
pub fn matches(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut segments) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), segments.next()) {
            (None, None) => return true,
            (Some(pattern), Some(segment))
                if matches_segment(pattern.as_bytes(), segment.as_bytes()) => {}
            _ => return false,
        }
    }
}

/// Matches one segment. It backtracks only to the last `*`, so the time is at most the product of both lengths.
fn matches_segment(pattern: &[u8], segment: &[u8]) -> bool {
    let (mut at, mut next) = (0, 0);
    let mut last: Option<(usize, usize)> = None;
    while next < segment.len() {
        match pattern.get(at) {
            Some(b'*') => {
                last = Some((at, next));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == segment[next] => {
                at += 1;
                next += 1;
            }
            _ => match last {
                Some((star, taken)) => {
                    last = Some((star, taken + 1));
                    (at, next) = (star + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Returns whether this is a valid segment of a path or of a pattern.
fn is_plain_or_pattern(segment: &str) -> bool {
    match segment.contains(PATTERN) {
        // Without the pattern characters, the rest must be a valid segment. The `x` stands for the removed characters,
        // so that a rest of only dots is valid.
        true => {
            let rest = segment.replace(PATTERN, "");
            rest.is_empty() || is_plain(&format!("x{rest}"))
        }
        false => is_plain(segment),
    }
}

/// Returns whether this is a valid path segment: 1 to 128 ASCII letters, digits, `.`, `_` and `-`, and not only dots.
/// Such a segment cannot lead to another folder, and needs no escaping in a URL.
pub fn is_plain(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !segment.is_empty()
        && segment.len() <= 128
        && segment.bytes().all(allowed)
        && segment.bytes().any(|byte| byte != b'.')
}
