//! A GET from a hub, redirects followed: each host that it leads to is known, and only the hub's own sees the token.

use reqwest::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RANGE,
};
use reqwest::{Response, StatusCode, Url};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

use crate::artifact::network::{self, Trouble};

/// Redirects that are followed from one to the next.
const MOST_REDIRECTS: usize = 10;

/// The size of a file that a hub keeps elsewhere, as the hub tells it.
const LINKED_SIZE: HeaderName = HeaderName::from_static("x-linked-size");

/// What is asked for.
#[derive(Clone)]
pub(super) struct Get {
    pub(super) http: reqwest::Client,
    pub(super) url: Url,
    /// For the host of `url`, and no other.
    pub(super) token: Option<String>,
}

/// The head of an answer, with its content still to come.
pub(super) struct Answer {
    pub(super) response: Response,
    /// Who answered: host and port.
    pub(super) host: String,
    linked_bytes: Option<u64>,
}

impl Get {
    /// Asks for the content from this byte on, and waits so long for the head of an answer.
    ///
    /// # Errors
    /// A sentence, when none comes.
    pub(super) async fn send(&self, from: u64, within: Duration) -> Result<Answer, String> {
        let deadline = Instant::now() + within;
        let mut url = self.url.clone();
        let mut linked_bytes = None;
        for _ in 0..=MOST_REDIRECTS {
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
            url = next.map_err(|()| format!("{host} leads on to an address that is none"))?;
            if url.scheme() != "https" && self.url.scheme() == "https" {
                return Err(format!(
                    "{host} leads on to {} without encryption, where nothing is fetched from",
                    network::host(&url)
                ));
            }
        }
        Err(format!(
            "{} leads on more than {MOST_REDIRECTS} times",
            network::host(&self.url)
        ))
    }
}

impl Answer {
    /// Whether the content begins at this byte, and not at the first.
    pub(super) fn begins_at(&self, offset: u64) -> bool {
        let range = text(self.response.headers(), &CONTENT_RANGE);
        self.response.status() == StatusCode::PARTIAL_CONTENT
            && range.is_some_and(|range| range.starts_with(&format!("bytes {offset}-")))
    }

    /// Bytes of the whole file, as far as the answer tells them.
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

    /// Whether it is a page for people; no file of a model or of data is one.
    pub(super) fn is_page(&self) -> bool {
        text(self.response.headers(), &CONTENT_TYPE)
            .is_some_and(|kind| kind.starts_with("text/html"))
    }
}

/// Where a redirect leads; `None` when the answer is none.
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
