//! `hf://` sources: the protocol of the Hugging Face Hub, at its own address or a mirror's.
//!
//! Three calls are needed: a revision's commit with its files, and a file of a commit, which may redirect.
//! A job names the commit (see [`pin`](Hub::pin)), so what it read can be had again.

use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{StatusCode, Url, redirect};
use tokio::time::Instant;

use super::again;
use super::download::{FIRST_WAIT, download, is_passing};
use super::expected::Expected;
use super::listing::{Listing, have_names_of_their_own};
use super::request::{Answer, Get};
use super::uri::{HubKind, HubUri};
use crate::artifact::network;
use crate::artifact::progress::{Pace, Patience};
use crate::prune::failure::{Code, Failure};
use crate::prune::watch::{Unwatched, Watch};

/// The hub itself.
pub const HUB: &str = "https://huggingface.co";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Files of a source that are asked for to know whether the hub is back.
const FILES_TO_REACH: usize = 8;
/// Largest listing of a repository that is read.
const MOST_LISTING_BYTES: usize = 32 << 20;

/// A client of one hub.
#[derive(Clone)]
pub struct Hub {
    http: reqwest::Client,
    endpoint: Url,
    token: Option<String>,
    patience: Patience,
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
            // A token that was meant for an encrypted connection never goes over another.
            .https_only(endpoint.scheme() == "https")
            // They are followed where each host on the way is known.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("optin/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| wrong(&"no client can be made for it"))?;
        Ok(Self {
            http,
            endpoint,
            token,
            patience: Patience::default(),
        })
    }

    /// The same, which is waited for so long.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
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
        let listing = self.list(uri, &Unwatched).await?;
        listing.wanted(uri)?;
        Ok(uri.at(&listing.commit))
    }

    /// The commit that the revision names, with its files. A hub that asks for a pause gets it, where there is time.
    ///
    /// # Errors
    /// When there is none, or the hub cannot be reached.
    pub async fn list(&self, uri: &HubUri, watch: &dyn Watch) -> Result<Listing, Failure> {
        let deadline = Instant::now() + self.patience.answer;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let failure = match tokio::time::timeout(left, self.ask(uri)).await {
                Ok(Ok(listing)) => return Ok(listing),
                Ok(Err(failure)) => failure,
                Err(_) => {
                    let seconds = self.patience.answer.as_secs_f64();
                    return Err(self.unavailable(
                        uri,
                        &format!("its listing did not arrive within {seconds} s"),
                    ));
                }
            };
            let left = deadline.saturating_duration_since(Instant::now());
            match failure.retry_after.map(|pause| pause.max(FIRST_WAIT)) {
                Some(pause) if pause < left => again::pause(pause, watch).await?,
                _ => return Err(failure),
            }
        }
    }

    async fn ask(&self, uri: &HubUri) -> Result<Listing, Failure> {
        let kind = match uri.kind {
            HubKind::Model => "models",
            HubKind::Dataset => "datasets",
        };
        let revision = uri.revision.replace('/', "%2F");
        let get = self.get(&format!(
            "api/{kind}/{}/revision/{revision}?blobs=true",
            uri.repository
        ))?;
        let answer = get.send(0, self.patience.answer).await;
        let answer = answer.map_err(|why| self.unavailable(uri, &why))?;
        match answer.response.status() {
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
            status if is_passing(status) => {
                let pause = again::asked_pause(answer.response.headers());
                let failure = self.unavailable(uri, &format!("it answered {status}"));
                return Err(failure.again_after(pause));
            }
            status => {
                return Err(Failure::new(
                    Code::SourceNotFound,
                    format!(
                        "the hub at {} refuses {uri}: it answered {status}",
                        self.host()
                    ),
                ));
            }
        }
        let body = self.body(uri, answer).await?;
        body.and_then(|body| Listing::parse(&body)).ok_or_else(|| {
            Failure::new(
                Code::SourceMismatch,
                format!(
                    "the hub at {} was asked for {uri}, but its answer is no listing of a repository; does --hub-endpoint \
                     lead to a hub?",
                    self.host()
                ),
            )
        })
    }

    /// The content of an answer; `None` when it is too long.
    async fn body(&self, uri: &HubUri, answer: Answer) -> Result<Option<Bytes>, Failure> {
        let host = answer.host;
        let mut chunks = answer.response.bytes_stream();
        let mut pace = Pace::new(self.patience);
        let mut body = BytesMut::new();
        loop {
            let next = pace.next(&mut chunks).await;
            let Some(chunk) = next.map_err(|stalled| self.unavailable(uri, &stalled))? else {
                return Ok(Some(body.freeze()));
            };
            let chunk =
                chunk.map_err(|error| self.unavailable(uri, &network::told(&error, &host)))?;
            if body.len() + chunk.len() > MOST_LISTING_BYTES {
                return Ok(None);
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// Downloads what a job needs of a pinned source into a folder.
    ///
    /// # Errors
    /// The first file that is too large, is not what was listed, or did not arrive after several tries.
    pub async fn fetch(
        &self,
        uri: &HubUri,
        listing: &Listing,
        folder: &Path,
        cap_bytes: u64,
        watch: &dyn Watch,
    ) -> Result<(), Failure> {
        let mut left = cap_bytes;
        let wanted = listing.wanted(uri)?;
        let numbered = !have_names_of_their_own(&wanted);
        for (number, file) in wanted.into_iter().enumerate() {
            let get = self.file(uri, &file.path)?;
            let expected = Expected {
                name: format!("{} of {uri}", file.path),
                bytes: file.size,
                digest: file.digest(),
                cap_bytes: left,
            };
            // A number in front keeps the order of the paths, and apart what has one name in two folders.
            let to = match numbered {
                true => folder.join(format!("{number:05}-{}", file.name())),
                false => folder.join(file.name()),
            };
            download(&get, &to, &expected, self.patience, watch).await?;
            left = left.saturating_sub(tokio::fs::metadata(&to).await?.len());
        }
        Ok(())
    }

    /// Asks for a source's listing, and for the beginning of its first files.
    ///
    /// # Errors
    /// When the hub does not give them now.
    pub async fn reach(&self, uri: &HubUri) -> Result<(), Failure> {
        let listing = self.list(uri, &Unwatched).await?;
        let pinned = uri.at(&listing.commit);
        for file in listing.wanted(uri)?.into_iter().take(FILES_TO_REACH) {
            let get = self.file(&pinned, &file.path)?;
            let answer = get.send(0, self.patience.answer).await;
            let answer = answer.map_err(|why| self.unavailable(uri, &why))?;
            let status = answer.response.status();
            if is_passing(status) {
                return Err(self.unavailable(uri, &format!("{} answered {status}", answer.host)));
            }
        }
        Ok(())
    }

    /// A file of a pinned source.
    fn file(&self, uri: &HubUri, file: &str) -> Result<Get, Failure> {
        let kind = match uri.kind {
            HubKind::Model => "",
            HubKind::Dataset => "datasets/",
        };
        let path = format!("{kind}{}/resolve/{}/", uri.repository, uri.revision);
        self.get_file(&path, file)
    }

    fn get(&self, path: &str) -> Result<Get, Failure> {
        self.get_file(path, "")
    }

    /// A file below a path. Its name may hold signs that mean something in a URL.
    fn get_file(&self, path: &str, file: &str) -> Result<Get, Failure> {
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
        Ok(Get {
            http: self.http.clone(),
            url,
            token: self.token.clone(),
        })
    }

    fn unavailable(&self, uri: &HubUri, why: &dyn std::fmt::Display) -> Failure {
        Failure::new(
            Code::SourceUnavailable,
            format!(
                "the hub at {} cannot be asked for {uri}: {why}",
                self.host()
            ),
        )
    }

    fn host(&self) -> &str {
        self.endpoint.host_str().unwrap_or_default()
    }
}
