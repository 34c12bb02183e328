//! An HTTP client of an `optin` service.

mod download;
mod list;
mod upload;

use std::time::Duration;

use futures::StreamExt;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::exit::Exit;
use super::progress::Bar;
use crate::artifact::network;
use crate::job::State;
use crate::prune::failure::{Code, Failure};
use crate::prune::report::Report;
use crate::prune::stage::Stage;

/// Pauses before a submission is repeated, after no response or a response with status 503.
const RETRY_PAUSES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// A client of one service.
pub(super) struct Client {
    base: String,
    http: reqwest::Client,
}

/// The fields of a job that the client uses.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) state: State,
    pub(super) error: Option<JobError>,
    pub(super) report: Option<Report>,
}

/// The reason why a job ended without a result.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct JobError {
    code: Value,
    detail: String,
}

#[derive(Deserialize)]
struct Problem {
    detail: String,
    code: Value,
}

/// The data of an event.
#[derive(Deserialize)]
struct EventData {
    stage: Option<Stage>,
    done: Option<u64>,
    total: Option<u64>,
}

impl Client {
    /// Creates a client of the server at this URL. `key` is the API key, if the server requires one.
    pub(super) fn new(base: &str, key: Option<&str>) -> Result<Self, Exit> {
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            http: http(credentials(key)?)?,
        })
    }

    /// Submits a job. Repeats the request if there is no response, or status 503. All requests have the same
    /// idempotency key, because an earlier one may have created the job.
    pub(super) async fn submit(&self, request: &Value) -> Result<Job, Exit> {
        let key = uuid::Uuid::new_v4().to_string();
        let sent = || {
            let sent = self.http.post(self.url("/v1/jobs"));
            sent.header("Idempotency-Key", &key).json(request)
        };
        for pause in RETRY_PAUSES {
            match self.response(sent()).await {
                Ok(response) if response.status() != StatusCode::SERVICE_UNAVAILABLE => {
                    return self.read(checked(response).await?).await;
                }
                _ => tokio::time::sleep(pause).await,
            }
        }
        self.answer(sent()).await
    }

    /// Returns a job, as the whole document and as the fields that the client uses.
    pub(super) async fn job(&self, id: &str) -> Result<(Value, Job), Exit> {
        self.read_job(self.http.get(self.url(&format!("/v1/jobs/{id}"))))
            .await
    }

    /// Cancels a job, and returns it like [`job`](Self::job).
    pub(super) async fn cancel(&self, id: &str) -> Result<(Value, Job), Exit> {
        let path = format!("/v1/jobs/{id}/cancel");
        self.read_job(self.http.post(self.url(&path))).await
    }

    async fn read_job(&self, request: reqwest::RequestBuilder) -> Result<(Value, Job), Exit> {
        let whole: Value = self.answer(request).await?;
        let job = serde_json::from_value(whole.clone()).map_err(|_| {
            Exit::Broken(format!(
                "unexpected response from {}: not a job that this version of optin understands; use the same version on \
                 both sides",
                self.base
            ))
        })?;
        Ok((whole, job))
    }

    /// Follows the events of a job until it ends.
    pub(super) async fn follow(&self, id: &str, bar: &Bar) -> Result<(Value, Job), Exit> {
        let mut last = String::from("0");
        loop {
            // A broken stream resumes after the last event received.
            let read = self.read_events(id, &mut last, bar).await;
            let (whole, job) = self.job(id).await?;
            if job.state.is_terminal() {
                return Ok((whole, job));
            }
            if read.is_err() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    async fn read_events(&self, id: &str, last: &mut String, bar: &Bar) -> Result<(), Exit> {
        let sent = self.http.get(self.url(&format!("/v1/jobs/{id}/events")));
        let sent = sent
            .header(header::ACCEPT, "text/event-stream")
            .header("Last-Event-ID", last.as_str());
        let mut body = checked(
            sent.send()
                .await
                .map_err(|error| unreachable(&self.base, &error))?,
        )
        .await?
        .bytes_stream();
        let mut text = Vec::new();
        while let Some(chunk) = body.next().await {
            text.extend_from_slice(&chunk.map_err(|error| unreachable(&self.base, &error))?);
            while let Some(end) = text.iter().position(|&byte| byte == b'\n') {
                let line = String::from_utf8_lossy(&text[..end]).into_owned();
                text.drain(..=end);
                if let Some(id) = line.strip_prefix("id:") {
                    id.trim().clone_into(last);
                }
                if let Some(Ok(event)) = line
                    .strip_prefix("data:")
                    .map(serde_json::from_str::<EventData>)
                {
                    show(&event, bar);
                }
            }
        }
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn answer<T: for<'de> Deserialize<'de>>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, Exit> {
        let response = self.response(request).await?;
        self.read(checked(response).await?).await
    }

    async fn response(&self, request: reqwest::RequestBuilder) -> Result<Response, Exit> {
        let sent = request.send().await;
        sent.map_err(|error| unreachable(&self.base, &error))
    }

    async fn read<T: for<'de> Deserialize<'de>>(&self, response: Response) -> Result<T, Exit> {
        let body = response.json().await;
        body.map_err(|error| match error.is_decode() {
            true => Exit::Broken(format!(
                "unexpected response from {}: not from an optin server; check the URL",
                self.base
            )),
            false => unreachable(&self.base, &error),
        })
    }
}

impl Job {
    /// Returns the report of a succeeded job, or the error of another one.
    pub(super) fn into_report(self) -> Result<Report, Exit> {
        match (self.report, self.error) {
            (Some(report), _) => Ok(report),
            (None, Some(error)) => Err(failure(error.code, error.detail)),
            (None, None) => Err(Exit::Broken(format!(
                "job {} is {}",
                self.id,
                self.state.as_str()
            ))),
        }
    }
}

/// Creates an HTTP client that sends these headers with every request.
fn http(headers: HeaderMap) -> Result<reqwest::Client, Exit> {
    // Fails only if an earlier call has installed a provider, which is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .default_headers(headers)
        .build();
    http.map_err(|error| Exit::Broken(format!("could not create an HTTP client: {error}")))
}

/// Returns the headers with the API key, which are sent with every request. The HTTP client drops them if a
/// redirect leads to another host.
fn credentials(key: Option<&str>) -> Result<HeaderMap, Exit> {
    let mut headers = HeaderMap::new();
    if let Some(key) = key {
        let value = HeaderValue::try_from(format!("Bearer {}", key.trim()));
        let mut value =
            value.map_err(|_| Exit::Usage("the API key contains invalid characters".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(headers)
}

fn show(event: &EventData, bar: &Bar) {
    if let Some(stage) = event.stage {
        bar.enter(stage);
        if let (Some(done), Some(total)) = (event.done, event.total) {
            bar.advance(done, total);
        }
    }
}

/// Returns the response if its status is a success, and otherwise its problem as an error.
async fn checked(response: Response) -> Result<Response, Exit> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    match response.json::<Problem>().await {
        Ok(problem) => Err(failure(problem.code, problem.detail)),
        Err(_) if status == StatusCode::NOT_FOUND => Err(Exit::Broken(
            "the server returned 404 Not Found; check the server URL".to_owned(),
        )),
        Err(_) => Err(Exit::Broken(format!("the server returned {status}"))),
    }
}

/// Returns an error with the exit code that the same failure has without a server.
fn failure(code: Value, detail: String) -> Exit {
    match serde_json::from_value::<Code>(code) {
        Ok(code) => Exit::Failed(Failure::new(code, detail)),
        Err(_) => Exit::Broken(detail),
    }
}

fn unreachable(base: &str, error: &reqwest::Error) -> Exit {
    let host = Url::parse(base).map_or_else(|_| base.to_owned(), |url| network::host(&url));
    Exit::Broken(format!(
        "could not connect to the server at {base}: {}",
        network::describe(error, &host)
    ))
}
