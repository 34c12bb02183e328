//! `hf://` sources: a client for the Hugging Face Hub or a mirror of it.
//!
//! Two requests are needed: one for the commit of a revision with its list of files, and one for each file of a commit,
//! which may redirect. A job stores the commit (see [`pin`](Hub::pin)), so the same files can be fetched again.

use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{StatusCode, Url, redirect};
use tokio::time::Instant;

use super::download::{FIRST_WAIT, download, is_temporary};
use super::expected::Expected;
use super::listing::{Listing, have_ascending_names};
use super::request::{Answer, Get};
use super::retry_after;
use super::uri::{HubKind, HubUri};
use crate::artifact::network;
use crate::artifact::progress::{Pace, Patience};
use crate::prune::failure::{Code, Failure};
use crate::prune::watch::{Unwatched, Watch};

/// Address of the Hugging Face Hub.
pub const HUB: &str = "https://huggingface.co";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Number of files of a source that [`reach`](Hub::reach) requests.
const FILES_TO_REACH: usize = 8;
/// Maximum size of a repository listing, in bytes.
const MAX_LISTING_BYTES: usize = 32 << 20;

/// A client of one hub.
#[derive(Clone)]
pub struct Hub {
    http: reqwest::Client,
    endpoint: Url,
    token: Option<String>,
    patience: Patience,
}

impl Hub {
    /// Creates a client for the hub at this address.
    ///
    /// # Errors
    /// Returns a sentence if the address is invalid.
    pub fn new(endpoint: &str, token: Option<String>) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| {
            format!(
                "invalid hub address \"{endpoint}\" ({error}); --hub-endpoint must be like https://host"
            )
        };
        let endpoint: Url = endpoint.parse().map_err(|error| wrong(&error))?;
        if !matches!(endpoint.scheme(), "http" | "https") || endpoint.cannot_be_a_base() {
            return Err(wrong(&"unsupported scheme"));
        }
        // This fails if an earlier call installed the same provider; that is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // Never send a token for an https address over an unencrypted connection.
            .https_only(endpoint.scheme() == "https")
            // `Get::send` follows redirects itself, because it must know each host on the way.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("optin/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| wrong(&"could not create an HTTP client"))?;
        Ok(Self {
            http,
            endpoint,
            token,
            patience: Patience::default(),
        })
    }

    /// Returns the same client with other timeouts.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Returns the address of the hub, for digests.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.endpoint.as_str()
    }

    /// Returns the same source at the commit that its revision names now.
    ///
    /// # Errors
    /// Returns an error if the repository, revision or file is not found, or if the hub is unavailable.
    pub async fn pin(&self, uri: &HubUri) -> Result<HubUri, Failure> {
        let listing = self.list(uri, &Unwatched).await?;
        listing.wanted(uri)?;
        Ok(uri.at(&listing.commit))
    }

    /// Returns the commit that the revision names, with its files. If the hub requests a pause (`Retry-After`) that
    /// ends before the timeout, the request is repeated after it.
    ///
    /// # Errors
    /// Returns an error if the repository or revision is not found, or if the hub is unavailable.
    pub async fn list(&self, uri: &HubUri, watch: &dyn Watch) -> Result<Listing, Failure> {
        let deadline = Instant::now() + self.patience.answer;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let failure = match tokio::time::timeout(left, self.request_listing(uri)).await {
                Ok(Ok(listing)) => return Ok(listing),
                Ok(Err(failure)) => failure,
                Err(_) => {
                    let seconds = self.patience.answer.as_secs_f64();
                    return Err(self.unavailable(
                        uri,
                        &format!("the listing did not arrive within {seconds} s"),
                    ));
                }
            };
            let left = deadline.saturating_duration_since(Instant::now());
            match failure.retry_after.map(|pause| pause.max(FIRST_WAIT)) {
                Some(pause) if pause < left => retry_after::pause(pause, watch).await?,
                _ => return Err(failure),
            }
        }
    }

    async fn request_listing(&self, uri: &HubUri) -> Result<Listing, Failure> {
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
                        "{uri} not found on the hub at {}; check the name, and that the service's token (HF_TOKEN) may read it",
                        self.host()
                    ),
                ));
            }
            status if is_temporary(status) => {
                let pause = retry_after::requested_pause(answer.response.headers());
                let failure = self.unavailable(uri, &format!("it returned status {status}"));
                return Err(failure.again_after(pause));
            }
            status => {
                return Err(Failure::new(
                    Code::SourceNotFound,
                    format!(
                        "the hub at {} refused the request for {uri}: it returned status {status}",
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
                    "the response of the hub at {} for {uri} is not a repository listing; check that --hub-endpoint is the \
                     address of a hub",
                    self.host()
                ),
            )
        })
    }

    /// Returns the body of a response; `None` if it is larger than [`MAX_LISTING_BYTES`].
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
                chunk.map_err(|error| self.unavailable(uri, &network::describe(&error, &host)))?;
            if body.len() + chunk.len() > MAX_LISTING_BYTES {
                return Ok(None);
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// Downloads the files of a pinned source that a job needs into a folder.
    ///
    /// # Errors
    /// Returns an error for the first file that is too large, differs from the listing, or did not arrive after several
    /// tries.
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
        let numbered = !have_ascending_names(&wanted);
        for (number, file) in wanted.into_iter().enumerate() {
            let get = self.file(uri, &file.path)?;
            let expected = Expected {
                name: format!("{} of {uri}", file.path),
                bytes: file.size,
                digest: file.digest(),
                cap_bytes: left,
            };
            // A number prefix keeps the order of the paths, and makes equal names from different folders distinct. The files of
            // a model keep their folders, which have known names.
            let to = match (uri.kind, numbered) {
                (HubKind::Model, _) => folder.join(&file.path),
                (HubKind::Dataset, true) => folder.join(format!("{number:05}-{}", file.name())),
                (HubKind::Dataset, false) => folder.join(file.name()),
            };
            if let Some(parent) = to.parent() {
                tokio::fs::create_dir_all(parent).await?;
            }
            download(&get, &to, &expected, self.patience, watch).await?;
            left = left.saturating_sub(tokio::fs::metadata(&to).await?.len());
        }
        Ok(())
    }

    /// Checks that the hub serves a source: requests the listing, and then the first files without reading their
    /// content.
    ///
    /// # Errors
    /// Returns an error if the hub does not serve one of them.
    pub async fn reach(&self, uri: &HubUri) -> Result<(), Failure> {
        let listing = self.list(uri, &Unwatched).await?;
        let pinned = uri.at(&listing.commit);
        for file in listing.wanted(uri)?.into_iter().take(FILES_TO_REACH) {
            let get = self.file(&pinned, &file.path)?;
            let answer = get.send(0, self.patience.answer).await;
            let answer = answer.map_err(|why| self.unavailable(uri, &why))?;
            let status = answer.response.status();
            if is_temporary(status) {
                let why = format!("{} returned status {status}", answer.host);
                return Err(self.unavailable(uri, &why));
            }
        }
        Ok(())
    }

    /// Returns the request for a file of a pinned source.
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

    /// Returns the request for a file below a path. The name of the file may hold characters that are special in a URL.
    fn get_file(&self, path: &str, file: &str) -> Result<Get, Failure> {
        let no_path = || {
            Failure::new(
                Code::SourceNotFound,
                format!("\"{path}{file}\" is not a valid path on a hub"),
            )
        };
        let base = self.endpoint.as_str().trim_end_matches('/');
        let mut url: Url = format!("{base}/{path}").parse().map_err(|_| no_path())?;
        if !file.is_empty() {
            // The path ends in a slash, so its last segment is empty and is replaced.
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
            format!("the hub at {} is unavailable for {uri}: {why}", self.host()),
        )
    }

    fn host(&self) -> &str {
        self.endpoint.host_str().unwrap_or_default()
    }
}
