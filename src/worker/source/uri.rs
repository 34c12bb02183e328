//! The URIs that name models and data.

use std::fmt;
use std::path::PathBuf;

use strum::{EnumString, IntoStaticStr, VariantArray};
use url::Url;

use crate::artifact::incoming::UploadId;
use crate::prune::failure::{Code, Failure};

/// A source by the place that keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceUri {
    /// `file:///absolute/path`
    File(PathBuf),
    /// `hf://org/name[@revision]`, or files of a dataset: `hf://datasets/org/name[@revision]/path`
    Hub(HubUri),
    /// `s3://bucket/folder` of a model, `s3://bucket/path/file` of data
    Bucket(BucketUri),
    /// `upload://id`
    Upload(UploadId),
}

/// What a URI begins with, before `://`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Scheme {
    /// This machine.
    File,
    /// A hub.
    Hf,
    /// Buckets.
    S3,
    /// What a tenant sent in.
    Upload,
}

/// A folder or a file of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketUri {
    /// The bucket.
    pub bucket: String,
    /// The folder or the file, without slashes at its ends.
    pub path: String,
}

/// A repository of a hub, or files in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubUri {
    /// What the repository holds.
    pub kind: HubKind,
    /// `org/name`.
    pub repository: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// A file of a dataset, or a pattern of files: `*` stands for any signs of one segment, `?` for one. `None` for
    /// a model, which is a folder, and for a dataset of which nothing was named.
    pub file: Option<String>,
}

/// What a repository of a hub holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HubKind {
    /// A checkpoint.
    Model,
    /// Data files.
    Dataset,
}

/// The branch that is meant when none is named.
const MAIN: &str = "main";

/// The signs that make a pattern of a path.
const PATTERN: [char; 2] = ['*', '?'];

impl SourceUri {
    /// Reads a URI.
    ///
    /// # Errors
    /// [`Code::SourceNotFound`] when it names no place that this release reads.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let unknown = || {
            Failure::new(
                Code::SourceNotFound,
                format!(
                    "\"{text}\" is no source that this release reads; write file:///absolute/path, s3://bucket/path, upload://id, \
                     hf://org/name@revision for a model, or hf://datasets/org/name@revision/path for a data file or data/train-*.parquet for several"
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
                let (organisation, rest) = rest.split_once('/')?;
                let end = rest.find(['/', '@']).unwrap_or(rest.len());
                let (name, rest) = rest.split_at(end);
                let (revision, file) = match rest.strip_prefix('@') {
                    Some(rest) => split_revision(rest),
                    None => (MAIN, rest.trim_start_matches('/')),
                };
                let file = Some(file.trim_end_matches('/')).filter(|file| !file.is_empty());
                Self::checked(HubKind::Dataset, organisation, name, revision, file)
            }
            None => {
                let (path, revision) = rest.split_once('@').unwrap_or((rest, MAIN));
                let (organisation, name) = path.split_once('/')?;
                Self::checked(HubKind::Model, organisation, name, revision, None)
            }
        }
    }

    fn checked(
        kind: HubKind,
        organisation: &str,
        name: &str,
        revision: &str,
        file: Option<&str>,
    ) -> Option<Self> {
        // A slash in a revision is written as %2F where a path follows, as `hf://` is written elsewhere too.
        let revision = match revision.strip_prefix('~') {
            Some(conversion) => format!("refs/convert/{conversion}"),
            None => revision.replace("%2F", "/").replace("%2f", "/"),
        };
        let good = is_plain(organisation)
            && is_plain(name)
            && revision.split('/').all(is_plain)
            && file.is_none_or(|file| file.split('/').all(is_plain_or_pattern));
        good.then(|| Self {
            kind,
            repository: format!("{organisation}/{name}"),
            revision,
            file: file.map(str::to_owned),
        })
    }

    /// The pattern of files that it names, where it names no single one.
    #[must_use]
    pub fn pattern(&self) -> Option<&str> {
        self.file.as_deref().filter(|file| file.contains(PATTERN))
    }

    /// The same at another revision.
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

/// The revision that a path follows, and the path: `main/a/b`, and `refs/convert/parquet/a/b` or `refs/pr/1/a/b`,
/// whose revisions have three segments.
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

/// Whether a name matches a pattern, in which `*` stands for any signs and `?` for one; neither for a slash.
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

/// Goes back only to the last `*`: no pattern takes more than the product of both lengths.
fn matches_segment(pattern: &[u8], segment: &[u8]) -> bool {
    let (mut at, mut next) = (0, 0);
    let mut last: Option<(usize, usize)> = None;
    while next < segment.len() {
        match pattern.get(at) {
            Some(b'*') => {
                last = Some((at, next));
                at += 1;
            }
            Some(sign) if *sign == b'?' || *sign == segment[next] => {
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
    pattern[at..].iter().all(|sign| *sign == b'*')
}

/// A segment of a path, or of a pattern of paths.
fn is_plain_or_pattern(segment: &str) -> bool {
    match segment.contains(PATTERN) {
        // What remains without the signs of a pattern is checked as any segment is.
        true => {
            let rest = segment.replace(PATTERN, "");
            rest.is_empty() || is_plain(&format!("x{rest}"))
        }
        false => is_plain(segment),
    }
}

/// One segment of a path that leads nowhere else, and means the same in a URL as it is.
pub fn is_plain(segment: &str) -> bool {
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !segment.is_empty()
        && segment.len() <= 128
        && segment.bytes().all(sign)
        && segment.bytes().any(|byte| byte != b'.')
}
