//! What a hub says that a commit holds: its files, and which of them a job needs.

use serde::Deserialize;

use super::expected::Announced;
use super::uri::{HubKind, HubUri, matches};
use super::{data_files, model_files};
use crate::checkpoint::layout;
use crate::prune::failure::{Code, Failure};

/// Files of one data set that are taken.
const MOST_SHARDS: usize = 1_000;

/// Hex digits of a SHA-1, by which git names commits and files.
const SHA1_DIGITS: usize = 40;

/// A commit and its files.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The commit, 40 hex digits.
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
    /// Bytes of the file itself.
    pub(super) size: Option<u64>,
    /// What git stores: the file, or for large ones a note of where it is.
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Clone, Debug, Deserialize)]
struct Lfs {
    sha256: Option<String>,
}

impl Sibling {
    /// The file's own name, without its folders.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The digest of its content, where the listing tells one.
    pub(super) fn digest(&self) -> Option<Announced> {
        match (&self.lfs, &self.blob_id) {
            (Some(lfs), _) => lfs.sha256.clone().map(Announced::Sha256),
            (None, Some(id)) if is_sha1(id) => Some(Announced::GitBlob(id.clone())),
            (None, _) => None,
        }
    }
}

/// Whether no two files have one name, and their names are in the order of their paths.
pub(super) fn have_names_of_their_own(files: &[&Sibling]) -> bool {
    files.windows(2).all(|pair| pair[0].name() < pair[1].name())
}

impl Listing {
    /// Reads an answer; `None` when it is no listing of a commit.
    pub(super) fn parse(answer: &[u8]) -> Option<Self> {
        let body: RevisionBody = serde_json::from_slice(answer).ok()?;
        is_sha1(&body.sha).then_some(Self {
            commit: body.sha,
            files: body.siblings,
        })
    }

    /// Bytes of the files that a job needs, as far as the listing tells them.
    ///
    /// # Errors
    /// When it holds no file that is needed.
    pub fn bytes(&self, uri: &HubUri) -> Result<u64, Failure> {
        Ok(self.wanted(uri)?.iter().filter_map(|file| file.size).sum())
    }

    /// The files that a job needs: of a model its configuration, tokenizer and safetensors, never code or pickles;
    /// of a dataset those that the URI names, in the order of their paths.
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
                if named.len() > MOST_SHARDS {
                    return Err(Failure::new(
                        Code::LimitExceeded,
                        format!(
                            "{uri} names {} files; at most {MOST_SHARDS} are taken",
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

    /// The refusal of a URI that names no data file, with those that the repository has.
    fn names_no_file(&self, uri: &HubUri) -> Failure {
        let paths = self.files.iter().map(|file| file.path.as_str());
        let what = match &uri.file {
            Some(file) => format!("holds no {file}"),
            None => "names no file".to_owned(),
        };
        let repository = HubUri {
            file: None,
            ..uri.clone()
        };
        let remedy = match data_files::patterns(paths, uri.file.as_deref()) {
            Some(patterns) => format!("name one of: {patterns}"),
            None => format!(
                "the repository has no data files at this revision; its conversion to parquet may be at {}",
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
