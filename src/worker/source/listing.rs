//! The listing of a hub's commit: its files, and which of them a job needs.

use serde::Deserialize;

use super::expected::Announced;
use super::uri::{HubKind, HubUri, matches};
use super::{data_files, model_files};
use crate::checkpoint::layout;
use crate::prune::failure::{Code, Failure};

/// Maximum number of files of one dataset.
const MAX_SHARDS: usize = 1_000;

/// Number of hexadecimal digits of a SHA-1, which Git uses as the id of commits and files.
const SHA1_DIGITS: usize = 40;

/// A commit and its files.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The commit, 40 hexadecimal digits.
    pub commit: String,
    files: Vec<Sibling>,
}

#[derive(Deserialize)]
struct RevisionBody {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

/// One file of a commit.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sibling {
    #[serde(rename = "rfilename")]
    pub(super) path: String,
    /// Size of the file itself, in bytes.
    pub(super) size: Option<u64>,
    /// Git object id of what Git stores: the file, or a Git LFS pointer for large files.
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Clone, Debug, Deserialize)]
struct Lfs {
    sha256: Option<String>,
}

impl Sibling {
    /// Returns the name of the file without its folders.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the digest of the content, if the listing states one.
    pub(super) fn digest(&self) -> Option<Announced> {
        match (&self.lfs, &self.blob_id) {
            (Some(lfs), _) => lfs.sha256.clone().map(Announced::Sha256),
            (None, Some(id)) if is_sha1(id) => Some(Announced::GitBlob(id.clone())),
            (None, _) => None,
        }
    }
}

/// Returns whether the file names are distinct, and in the same order as the paths.
pub(super) fn have_ascending_names(files: &[&Sibling]) -> bool {
    files.windows(2).all(|pair| pair[0].name() < pair[1].name())
}

impl Listing {
    /// Parses a response; `None` if it is not the listing of a commit.
    pub(super) fn parse(answer: &[u8]) -> Option<Self> {
        let body: RevisionBody = serde_json::from_slice(answer).ok()?;
        is_sha1(&body.sha).then_some(Self {
            commit: body.sha,
            files: body.siblings,
        })
    }

    /// Returns the total size of the files that a job needs, in bytes. Files without a stated size count as 0.
    ///
    /// # Errors
    /// Returns an error if the listing lacks the needed files, or if the URI names too many.
    pub fn bytes(&self, uri: &HubUri) -> Result<u64, Failure> {
        Ok(self.wanted(uri)?.iter().filter_map(|file| file.size).sum())
    }

    /// Returns the files that a job needs. For a model: configuration, tokenizer and safetensors, never code or
    /// pickles. For a dataset: the files that the URI names, in the order of their paths.
    pub(super) fn wanted(&self, uri: &HubUri) -> Result<Vec<&Sibling>, Failure> {
        let files = self.files.iter();
        match (uri.kind, &uri.file) {
            (HubKind::Model, _) => {
                let paths: Vec<&str> = files.clone().map(|file| file.path.as_str()).collect();
                layout::check(uri, &paths)?;
                Ok(files
                    .filter(|file| model_files::belongs(&file.path))
                    .collect())
            }
            (HubKind::Dataset, Some(pattern)) => {
                let named = files.filter(|file| matches(pattern, &file.path));
                let mut named: Vec<&Sibling> = named.collect();
                if named.is_empty() {
                    return Err(self.names_no_file(uri));
                }
                if named.len() > MAX_SHARDS {
                    return Err(Failure::new(
                        Code::LimitExceeded,
                        format!(
                            "{uri} names too many files: {}, the limit is {MAX_SHARDS}",
                            named.len()
                        ),
                    ));
                }
                named.sort_by(|one, other| one.path.cmp(&other.path));
                Ok(named)
            }
            (HubKind::Dataset, None) => Err(self.names_no_file(uri)),
        }
    }

    /// Returns the failure for a URI that names no data file. It lists the data files of the repository.
    fn names_no_file(&self, uri: &HubUri) -> Failure {
        let paths = self.files.iter().map(|file| file.path.as_str());
        let what = match &uri.file {
            Some(file) => format!("has no file {file}"),
            None => "names no file".to_owned(),
        };
        let repository = HubUri {
            file: None,
            ..uri.clone()
        };
        let remedy = match data_files::patterns(paths, uri.file.as_deref()) {
            Some(patterns) => format!("name one of: {patterns}"),
            None => format!(
                "the repository has no data files at this revision; the hub's Parquet conversion may be at {}",
                repository.at("refs/convert/parquet")
            ),
        };
        Failure::new(
            Code::SourceNotFound,
            format!("{repository} {what}; {remedy}"),
        )
    }
}

fn is_sha1(text: &str) -> bool {
    text.len() == SHA1_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
