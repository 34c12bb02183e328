//! `hf://` sources: the protocol of the Hugging Face Hub, at its own address or a mirror's.
//!
//! Three calls are needed: a revision's commit with its files, and a file of a commit, which may redirect.
//! A job names the commit (see [`pin`](Hub::pin)), so what it read can be had again.

use std::path::Path;
use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode, Url};
use serde::Deserialize;

use super::download::{Expected, download};
use super::model_files;
use super::uri::{HubKind, HubUri};
use crate::prune::failure::{Code, Failure};
use crate::prune::watch::Watch;

/// The hub itself.
pub const HUB: &str = "https://huggingface.co";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence within an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Largest listing of a repository that is read.
const MOST_LISTING_BYTES: usize = 32 << 20;

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
            .map_err(|error| unavailable(error.without_url().to_string()))?;
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
            .map_err(|error| unavailable(error.without_url().to_string()))?;
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
        for file in listing.wanted(uri)? {
            let path = format!(
                "{kind}{}/resolve/{}/{}",
                uri.repository, uri.revision, file.rfilename
            );
            let request = self.get(&path)?;
            let expected = Expected {
                name: format!("{} of {uri}", file.rfilename),
                bytes: file.size,
                sha256: file.lfs.as_ref().and_then(|lfs| lfs.sha256.clone()),
                cap_bytes: left,
            };
            let name = file.rfilename.rsplit('/').next().unwrap_or_default();
            let to = folder.join(name);
            download(&request, &to, &expected, watch).await?;
            left = left.saturating_sub(tokio::fs::metadata(&to).await?.len());
        }
        Ok(())
    }

    fn get(&self, path: &str) -> Result<RequestBuilder, Failure> {
        let base = self.endpoint.as_str().trim_end_matches('/');
        let url: Url = format!("{base}/{path}").parse().map_err(|_| {
            Failure::new(
                Code::SourceNotFound,
                format!("\"{path}\" is no path of a hub"),
            )
        })?;
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

impl Listing {
    /// Bytes of the files that a job needs, as far as the listing tells them.
    ///
    /// # Errors
    /// See [`pin`](Hub::pin).
    pub fn bytes(&self, uri: &HubUri) -> Result<u64, Failure> {
        Ok(self.wanted(uri)?.iter().filter_map(|file| file.size).sum())
    }

    /// The files that a job needs: of a model its configuration, tokenizer and safetensors, never code or pickles.
    fn wanted(&self, uri: &HubUri) -> Result<Vec<&Sibling>, Failure> {
        let chosen: Vec<&Sibling> = match &uri.file {
            Some(path) => self
                .files
                .iter()
                .filter(|file| file.rfilename == *path)
                .collect(),
            None => self
                .files
                .iter()
                .filter(|file| model_files::belongs(&file.rfilename))
                .collect(),
        };
        match &uri.file {
            Some(path) if chosen.is_empty() => {
                return Err(Failure::new(
                    Code::SourceNotFound,
                    format!("{uri} holds no {path}"),
                ));
            }
            Some(_) => {}
            None => model_files::check(uri, chosen.iter().map(|file| file.rfilename.as_str()))?,
        }
        Ok(chosen)
    }
}
