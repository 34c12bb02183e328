//! A GET request to a hub that follows redirects. Messages name the host that responded, and only the hub itself gets
//! the token.

use reqwest::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RANGE,
};
use reqwest::{Response, StatusCode, Url};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

use crate::artifact::network::{self, Trouble};

/// Maximum number of redirects in a row.
const MAX_REDIRECTS: usize = 10;

/// Header with the size of a file that the hub stores on another host.
const LINKED_SIZE: HeaderName = HeaderName::from_static("x-linked-size");

/// A GET request.
#[derive(Clone)]
pub(super) struct Get {
    pub(super) http: reqwest::Client,
    pub(super) url: Url,
    /// Access token; sent only to the origin of `url`.
    pub(super) token: Option<String>,
}

/// A response whose headers have arrived, and whose body has not been read.
pub(super) struct Answer {
    pub(super) response: Response,
    /// Host and port that responded.
    pub(super) host: String,
    linked_bytes: Option<u64>,
}

impl Get {
    /// Requests the content from byte `from` on. `within` is the timeout for the response headers, including redirects.
    ///
    /// # Errors
    /// Returns a sentence if no response arrives, or if a redirect is invalid.
    pub(super) async fn send(&self, from: u64, within: Duration) -> Result<Answer, String> {
        let deadline = Instant::now() + within;
        let mut url = self.url.clone();
        let mut linked_bytes = None;
        for _ in 0..=MAX_REDIRECTS {
            let host = network::host(&url);
            let mut request = self.http.get(url.clone());
            if from > 0 {
                request = request.header(RANGE, format!("bytes={from}-"));
            }
            if let Some(token) = &self.token
                && url.origin() == self.url.origin()
            {
                request = request.bearer_auth(token);
            }
            let response = timeout_at(deadline, request.send())
                .await
                .map_err(|_| Trouble::Late.at(&host))?
                .map_err(|error| network::told(&error, &host))?;
            linked_bytes = linked_bytes.or_else(|| number(response.headers(), &LINKED_SIZE));
            let Some(next) = redirected(&response) else {
                return Ok(Answer {
                    response,
                    host,
                    linked_bytes,
                });
            };
            url = next.map_err(|()| format!("{host} redirects to an invalid address"))?;
            if url.scheme() != "https" && self.url.scheme() == "https" {
                return Err(format!(
                    "{host} redirects to {} without encryption, which is not allowed",
                    network::host(&url)
                ));
            }
        }
        Err(format!(
            "{} redirects more than {MAX_REDIRECTS} times",
            network::host(&self.url)
        ))
    }
}

impl Answer {
    /// Returns whether this is a partial response that begins at this byte.
    pub(super) fn begins_at(&self, offset: u64) -> bool {
        let range = text(self.response.headers(), &CONTENT_RANGE);
        self.response.status() == StatusCode::PARTIAL_CONTENT
            && range.is_some_and(|range| range.starts_with(&format!("bytes {offset}-")))
    }

    /// Returns the size of the whole file in bytes, if the response states it.
    pub(super) fn whole_bytes(&self) -> Option<u64> {
        let headers = self.response.headers();
        self.linked_bytes.or_else(|| match self.response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let (_, whole) = text(headers, &CONTENT_RANGE)?.rsplit_once('/')?;
                whole.parse().ok()
            }
            _ => number(headers, &CONTENT_LENGTH),
        })
    }

    /// Returns whether the response is a web page. No file of a model or dataset is one.
    pub(super) fn is_page(&self) -> bool {
        text(self.response.headers(), &CONTENT_TYPE)
            .is_some_and(|kind| kind.starts_with("text/html"))
    }
}

/// Returns the target of a redirect; `None` if the response is not a redirect.
fn redirected(response: &Response) -> Option<Result<Url, ()>> {
    let location = response
        .status()
        .is_redirection()
        .then(|| response.headers().get(LOCATION))??;
    let next = location
        .to_str()
        .ok()
        .and_then(|location| response.url().join(location).ok())
        .filter(|next| matches!(next.scheme(), "http" | "https"));
    Some(next.ok_or(()))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    text(headers, name)?.trim().parse().ok()
}
