//! `hf://` sources: the protocol of the Hugging Face Hub, at its own address or a mirror's.
//!
//! Three calls are needed: a revision's commit with its files, and a file of a commit, which may redirect.
//! A job names the commit (see [`pin`](Hub::pin)), so what it read can be had again.

use std::path::Path;
use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode, Url};
use serde::Deserialize;

use super::download::{Expected, download, reason};
use super::uri::{HubKind, HubUri, matches};
use super::{data_files, model_files};
use crate::checkpoint::layout;
use crate::prune::failure::{Code, Failure};
use crate::prune::watch::Watch;

/// The hub itself.
pub const HUB: &str = "https://huggingface.co";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence within an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Largest listing of a repository that is read.
const MOST_LISTING_BYTES: usize = 32 << 20;
/// Files of one data set that are taken.
const MOST_SHARDS: usize = 1_000;

/// A client of one hub.
#[derive(Clone)]
pub struct Hub {
    http: reqwest::Client,
    endpoint: Url,
    token: Option<String>,
}

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

#[derive(Clone, Debug, Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    lfs: Option<Lfs>,
}

#[derive(Clone, Debug, Deserialize)]
struct Lfs {
    sha256: Option<String>,
}

impl Hub {
    /// A client of the hub at this address.
    ///
    /// # Errors
    /// A sentence, when the address is none.
    pub fn new(endpoint: &str, token: Option<String>) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| {
            format!(
                "\"{endpoint}\" is no address of a hub ({error}); write https://host (--hub-endpoint)"
            )
        };
        let endpoint: Url = endpoint.parse().map_err(|error| wrong(&error))?;
        if !matches!(endpoint.scheme(), "http" | "https") || endpoint.cannot_be_a_base() {
            return Err(wrong(&"its scheme"));
        }
        // Another call may have installed it before: it is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            // A token that was meant for an encrypted connection never goes over another.
            .https_only(endpoint.scheme() == "https")
            .user_agent(concat!("optin/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| wrong(&error))?;
        Ok(Self {
            http,
            endpoint,
            token,
        })
    }

    /// The hub's address, for digests.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.endpoint.as_str()
    }

    /// The same source at the commit that its revision now names.
    ///
    /// # Errors
    /// When there is no such repository, revision or file, or the hub cannot be reached.
    pub async fn pin(&self, uri: &HubUri) -> Result<HubUri, Failure> {
        let listing = self.list(uri).await?;
        listing.wanted(uri)?;
        Ok(uri.at(&listing.commit))
    }

    /// The commit that the revision names, with its files.
    ///
    /// # Errors
    /// When there is none, or the hub cannot be reached.
    pub async fn list(&self, uri: &HubUri) -> Result<Listing, Failure> {
        let kind = match uri.kind {
            HubKind::Model => "models",
            HubKind::Dataset => "datasets",
        };
        let revision = uri.revision.replace('/', "%2F");
        let request = self.get(&format!(
            "api/{kind}/{}/revision/{revision}?blobs=true",
            uri.repository
        ))?;
        let unavailable = |why: String| {
            Failure::new(
                Code::SourceUnavailable,
                format!(
                    "the hub at {} cannot be asked for {uri}: {why}",
                    self.host()
                ),
            )
        };
        let response = request
            .send()
            .await
            .map_err(|error| unavailable(reason(&error)))?;
        match response.status() {
            status if status.is_success() => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                return Err(Failure::new(
                    Code::SourceNotFound,
                    format!(
                        "the hub at {} shows no {uri}: it is not there, or the service's token (HF_TOKEN) may not read it",
                        self.host()
                    ),
                ));
            }
            status => return Err(unavailable(format!("it answered {status}"))),
        }
        let body = response
            .bytes()
            .await
            .map_err(|error| unavailable(reason(&error)))?;
        let listing = (body.len() <= MOST_LISTING_BYTES)
            .then(|| serde_json::from_slice::<RevisionBody>(&body).ok())
            .flatten()
            .filter(|listing| {
                listing.sha.len() == 40 && listing.sha.bytes().all(|byte| byte.is_ascii_hexdigit())
            });
        let listing = listing
            .ok_or_else(|| unavailable("its answer is no listing of a repository".to_owned()))?;
        Ok(Listing {
            commit: listing.sha,
            files: listing.siblings,
        })
    }

    /// Downloads what a job needs of a pinned source into a folder.
    ///
    /// # Errors
    /// See [`download`].
    pub async fn fetch(
        &self,
        uri: &HubUri,
        listing: &Listing,
        folder: &Path,
        cap_bytes: u64,
        watch: &dyn Watch,
    ) -> Result<(), Failure> {
        let kind = match uri.kind {
            HubKind::Model => "",
            HubKind::Dataset => "datasets/",
        };
        let mut left = cap_bytes;
        let wanted = listing.wanted(uri)?;
        let numbered = !have_names_of_their_own(&wanted);
        for (number, file) in wanted.into_iter().enumerate() {
            let path = format!("{kind}{}/resolve/{}/", uri.repository, uri.revision);
            let request = self.get_file(&path, &file.rfilename)?;
            let expected = Expected {
                name: format!("{} of {uri}", file.rfilename),
                bytes: file.size,
                sha256: file.lfs.as_ref().and_then(|lfs| lfs.sha256.clone()),
                cap_bytes: left,
            };
            let name = file.rfilename.rsplit('/').next().unwrap_or_default();
            // A number in front keeps the order of the paths, and apart what has one name in two folders.
            let to = match numbered {
                true => folder.join(format!("{number:05}-{name}")),
                false => folder.join(name),
            };
            download(&request, &to, &expected, watch).await?;
            left = left.saturating_sub(tokio::fs::metadata(&to).await?.len());
        }
        Ok(())
    }

    fn get(&self, path: &str) -> Result<RequestBuilder, Failure> {
        self.get_file(path, "")
    }

    /// A file below a path. Its name may hold signs that mean something in a URL.
    fn get_file(&self, path: &str, file: &str) -> Result<RequestBuilder, Failure> {
        let no_path = || {
            Failure::new(
                Code::SourceNotFound,
                format!("\"{path}{file}\" is no path of a hub"),
            )
        };
        let base = self.endpoint.as_str().trim_end_matches('/');
        let mut url: Url = format!("{base}/{path}").parse().map_err(|_| no_path())?;
        if !file.is_empty() {
            // The path ends in a slash: its last segment is empty, and is replaced.
            let leads_elsewhere = |part: &str| part.is_empty() || part == "." || part == "..";
            if file.split('/').any(leads_elsewhere) {
                return Err(no_path());
            }
            let mut segments = url.path_segments_mut().map_err(|()| no_path())?;
            segments.pop_if_empty().extend(file.split('/'));
        }
        let request = self.http.get(url);
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    fn host(&self) -> &str {
        self.endpoint.host_str().unwrap_or_default()
    }
}

/// Whether no two files have one name, and their names are in the order of their paths.
fn have_names_of_their_own(files: &[&Sibling]) -> bool {
    let name = |file: &Sibling| file.rfilename.rsplit('/').next().map(str::to_owned);
    files.windows(2).all(|pair| name(pair[0]) < name(pair[1]))
}

impl Listing {
    /// Bytes of the files that a job needs, as far as the listing tells them.
    ///
    /// # Errors
    /// See [`pin`](Hub::pin).
    pub fn bytes(&self, uri: &HubUri) -> Result<u64, Failure> {
        Ok(self.wanted(uri)?.iter().filter_map(|file| file.size).sum())
    }

    /// The files that a job needs: of a model its configuration, tokenizer and safetensors, never code or pickles;
    /// of a dataset those that the URI names, in the order of their paths.
    fn wanted(&self, uri: &HubUri) -> Result<Vec<&Sibling>, Failure> {
        let files = self.files.iter();
        match (uri.kind, &uri.file) {
            (HubKind::Model, _) => {
                let paths: Vec<&str> = files.clone().map(|file| file.rfilename.as_str()).collect();
                layout::check(uri, &paths)?;
                Ok(files
                    .filter(|file| model_files::belongs(&file.rfilename))
                    .collect())
            }
            (HubKind::Dataset, Some(pattern)) => {
                let named = files.filter(|file| matches(pattern, &file.rfilename));
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
                named.sort_by(|one, other| one.rfilename.cmp(&other.rfilename));
                Ok(named)
            }
            (HubKind::Dataset, None) => Err(self.names_no_file(uri)),
        }
    }

    /// The refusal of a URI that names no data file, with those that the repository has.
    fn names_no_file(&self, uri: &HubUri) -> Failure {
        let paths = self.files.iter().map(|file| file.rfilename.as_str());
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
