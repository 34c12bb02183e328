//! A client of any server, over HTTP.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use url::Url;

use super::exit::Exit;
use super::progress::Bar;
use crate::artifact::network;
use crate::job::State;
use crate::prune::failure::{Code, Failure};
use crate::prune::report::Report;
use crate::prune::stage::Stage;

/// Before a job is queued once more because no answer came, or that the server cannot answer now.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Talks to one server.
pub(super) struct Client {
    base: String,
    http: reqwest::Client,
}

/// What a client needs to know of a job.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) state: State,
    pub(super) error: Option<JobError>,
    pub(super) report: Option<Report>,
}

/// Why a job ended without a result.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct JobError {
    code: Value,
    detail: String,
}

/// A file of a result.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Artifact {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    href: String,
}

#[derive(Deserialize)]
struct List<T> {
    data: Vec<T>,
}

#[derive(Deserialize)]
struct Problem {
    detail: String,
    code: Value,
}

#[derive(Deserialize)]
struct Told {
    stage: Option<Stage>,
    done: Option<u64>,
    total: Option<u64>,
}

impl Client {
    /// A client of the server at this URL, with an API key where the server asks for one.
    pub(super) fn new(base: &str, key: Option<&str>) -> Result<Self, Exit> {
        // Another call may have installed it before: it is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .default_headers(credentials(key)?)
            .build();
        let http =
            http.map_err(|error| Exit::Broken(format!("no HTTP client can be made: {error}")))?;
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            http,
        })
    }

    /// Queues a job. Where no answer comes it asks once more, under the same key: the job may be there already.
    pub(super) async fn submit(&self, request: &Value) -> Result<Job, Exit> {
        let key = uuid::Uuid::new_v4().to_string();
        let sent = || {
            let sent = self.http.post(self.url("/v1/jobs"));
            sent.header("Idempotency-Key", &key).json(request)
        };
        for pause in PAUSES {
            match self.response(sent()).await {
                Ok(response) if response.status() != StatusCode::SERVICE_UNAVAILABLE => {
                    return self.read(checked(response).await?).await;
                }
                _ => tokio::time::sleep(pause).await,
            }
        }
        self.answer(sent()).await
    }

    /// A job, as the whole document and as what we know of it.
    pub(super) async fn job(&self, id: &str) -> Result<(Value, Job), Exit> {
        let whole: Value = self
            .answer(self.http.get(self.url(&format!("/v1/jobs/{id}"))))
            .await?;
        let job = serde_json::from_value(whole.clone()).map_err(|_| {
            Exit::Broken(format!(
                "the answer of {} is no job that this optin knows; are both of one version?",
                self.base
            ))
        })?;
        Ok((whole, job))
    }

    /// Follows a job's events to its end.
    pub(super) async fn follow(&self, id: &str, bar: &Bar) -> Result<(Value, Job), Exit> {
        let mut last = String::from("0");
        loop {
            // A stream that breaks is taken up again where it broke.
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
                if let Some(Ok(told)) = line.strip_prefix("data:").map(serde_json::from_str::<Told>)
                {
                    show(&told, bar);
                }
            }
        }
        Ok(())
    }

    /// The files of a job's result.
    pub(super) async fn artifacts(&self, id: &str) -> Result<Vec<Artifact>, Exit> {
        let list: List<Artifact> = self
            .answer(self.http.get(self.url(&format!("/v1/jobs/{id}/artifacts"))))
            .await?;
        Ok(list.data)
    }

    /// Downloads a file through its signed URL and checks its digest.
    pub(super) async fn download(&self, artifact: &Artifact, to: &Path) -> Result<(), Exit> {
        let sent = self.http.get(self.url(&artifact.href)).send().await;
        let mut body = checked(sent.map_err(|error| unreachable(&self.base, &error))?)
            .await?
            .bytes_stream();
        let mut file = tokio::fs::File::create(to).await?;
        let mut digest = Sha256::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| unreachable(&self.base, &error))?;
            digest.update(&chunk);
            file.write_all(&chunk).await?;
        }
        file.sync_all().await?;
        match hex::encode(digest.finalize()) == artifact.sha256 {
            true => Ok(()),
            false => Err(Exit::Broken(format!(
                "{} arrived with another SHA-256 than the server names; download it again",
                artifact.name
            ))),
        }
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
                "{} does not answer as optin does; is it the URL of another server?",
                self.base
            )),
            false => unreachable(&self.base, &error),
        })
    }
}

impl Job {
    /// The report of a job that succeeded.
    pub(super) fn into_report(self) -> Result<Report, Exit> {
        match (self.report, self.error) {
            (Some(report), _) => Ok(report),
            (None, Some(error)) => Err(refusal(error.code, error.detail)),
            (None, None) => Err(Exit::Broken(format!(
                "{} is {}",
                self.id,
                self.state.as_str()
            ))),
        }
    }
}

/// Sent with every request to this server; the HTTP client drops it where a redirect leads to another host.
fn credentials(key: Option<&str>) -> Result<HeaderMap, Exit> {
    let mut headers = HeaderMap::new();
    if let Some(key) = key {
        let value = HeaderValue::try_from(format!("Bearer {}", key.trim()));
        let mut value =
            value.map_err(|_| Exit::Usage("the API key holds signs that no key has".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(headers)
}

fn show(told: &Told, bar: &Bar) {
    if let Some(stage) = told.stage {
        bar.enter(stage);
        if let (Some(done), Some(total)) = (told.done, told.total) {
            bar.advance(done, total);
        }
    }
}

/// The response, unless it is a problem.
async fn checked(response: Response) -> Result<Response, Exit> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    match response.json::<Problem>().await {
        Ok(problem) => Err(refusal(problem.code, problem.detail)),
        Err(_) if status == StatusCode::NOT_FOUND => {
            Err(Exit::Broken("the server knows no such thing".to_owned()))
        }
        Err(_) => Err(Exit::Broken(format!("the server answered {status}"))),
    }
}

/// A refusal with the exit code that the same failure has without a server.
fn refusal(code: Value, detail: String) -> Exit {
    match serde_json::from_value::<Code>(code) {
        Ok(code) => Exit::Failed(Failure::new(code, detail)),
        Err(_) => Exit::Broken(detail),
    }
}

fn unreachable(base: &str, error: &reqwest::Error) -> Exit {
    let host = Url::parse(base).map_or_else(|_| base.to_owned(), |url| network::host(&url));
    Exit::Broken(format!(
        "the server at {base} cannot be reached: {}",
        network::told(error, &host)
    ))
}
