//! The URIs that name models and data.

use std::fmt;
use std::path::PathBuf;

use url::Url;

use crate::artifact::incoming::UploadId;
use crate::prune::failure::{Code, Failure};

/// A source by the place that keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceUri {
    /// `file:///absolute/path`
    File(PathBuf),
    /// `hf://org/name[@revision]`, or a file of a dataset: `hf://datasets/org/name[@revision]/path`
    Hub(HubUri),
    /// `s3://bucket/folder` of a model, `s3://bucket/path/file` of data
    Bucket(BucketUri),
    /// `upload://id`
    Upload(UploadId),
}

/// A folder or a file of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketUri {
    /// The bucket.
    pub bucket: String,
    /// The folder or the file, without slashes at its ends.
    pub path: String,
}

/// A repository of a hub, or a file in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubUri {
    /// What the repository holds.
    pub kind: HubKind,
    /// `org/name`.
    pub repository: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// A file; `None` for a model, which is a folder.
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
                     hf://org/name@revision for a model, or hf://datasets/org/name@revision/path for a data file"
                ),
            )
        };
        if let Some(rest) = text.strip_prefix("hf://") {
            return HubUri::parse(rest).map(Self::Hub).ok_or_else(unknown);
        }
        if let Some(rest) = text.strip_prefix("s3://") {
            return BucketUri::parse(rest).map(Self::Bucket).ok_or_else(unknown);
        }
        if let Some(id) = text.strip_prefix("upload://") {
            return id.parse().map(Self::Upload).map_err(|_| unknown());
        }
        let url = Url::parse(text).map_err(|_| unknown())?;
        if url.scheme() != "file" || url.query().is_some() || url.fragment().is_some() {
            return Err(unknown());
        }
        url.to_file_path().map(Self::File).map_err(|()| unknown())
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
                let (name, file) = rest.split_once('/')?;
                let (name, revision) = name.split_once('@').unwrap_or((name, MAIN));
                // A slash in a revision is written as %2F here, where a path follows.
                let revision = revision.replace("%2F", "/");
                Self::checked(HubKind::Dataset, organisation, name, &revision, Some(file))
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
        let good = is_plain(organisation)
            && is_plain(name)
            && revision.split('/').all(is_plain)
            && file.is_none_or(|file| file.split('/').all(is_plain));
        good.then(|| Self {
            kind,
            repository: format!("{organisation}/{name}"),
            revision: revision.to_owned(),
            file: file.map(str::to_owned),
        })
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
        match &self.file {
            Some(file) => write!(
                formatter,
                "hf://datasets/{repository}@{}/{file}",
                revision.replace('/', "%2F")
            ),
            None => write!(formatter, "hf://{repository}@{revision}"),
        }
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
