//! One file over HTTP into a folder: resumed where it broke off, capped, checked.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, RANGE};
use reqwest::{RequestBuilder, Response, StatusCode};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::prune::failure::{Code, Failure};
use crate::prune::watch::Watch;

/// Tries before a download fails, and the wait before the second; it doubles with each.
const TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Bytes that are read at once when a part is digested again.
const CHUNK_BYTES: usize = 1 << 20;

/// What a file must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// What it is called in messages.
    pub name: String,
    /// Its size, where the listing told it.
    pub bytes: Option<u64>,
    /// Its SHA-256, where the listing told it, hex.
    pub sha256: Option<String>,
    /// Most bytes that are taken.
    pub cap_bytes: u64,
}

/// Why one try did not bring the whole file.
enum Broken {
    /// Another try may.
    Once(String),
    /// None will.
    Forever(Failure),
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self::Forever(error.into())
    }
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self::Forever(failure)
    }
}

/// Downloads to `path`. A part that is there already is taken up by a range request.
///
/// # Errors
/// When the file is larger than it may be, is not what was expected, cannot be written, or did not arrive
/// after several tries.
pub async fn download(
    request: &RequestBuilder,
    path: &Path,
    expected: &Expected,
    watch: &dyn Watch,
) -> Result<(), Failure> {
    let mut wait = FIRST_WAIT;
    for attempt in 1.. {
        let request = request
            .try_clone()
            .ok_or_else(|| Failure::new(Code::Internal, "a download's request has a body"))?;
        match once(request, path, expected, watch).await {
            Ok(()) => break,
            Err(Broken::Forever(failure)) => return Err(failure),
            Err(Broken::Once(why)) if attempt >= TRIES => {
                return Err(Failure::new(
                    Code::SourceUnavailable,
                    format!(
                        "{} did not arrive after {TRIES} tries: {why}",
                        expected.name
                    ),
                ));
            }
            Err(Broken::Once(why)) => {
                tracing::warn!(file = %expected.name, attempt, why, "a download broke off; going on");
                watch.proceed()?;
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
        }
    }
    check(path, expected).await
}

async fn once(
    request: RequestBuilder,
    path: &Path,
    expected: &Expected,
    watch: &dyn Watch,
) -> Result<(), Broken> {
    let have = tokio::fs::metadata(path)
        .await
        .map_or(0, |found| found.len());
    if expected.bytes == Some(have) {
        return Ok(());
    }
    let request = match have {
        0 => request,
        _ => request.header(RANGE, format!("bytes={have}-")),
    };
    let response = request
        .send()
        .await
        .map_err(|error| Broken::Once(reason(&error)))?;
    if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        // What is there is no part of this file: from the beginning, then.
        tokio::fs::remove_file(path).await?;
        return Err(Broken::Once("what was there did not fit".to_owned()));
    }
    let response = accepted(response, expected)?;
    let resumed = response.status() == StatusCode::PARTIAL_CONTENT && starts_at(&response, have);
    let mut file = File::options()
        .create(true)
        .write(true)
        .append(resumed)
        .truncate(!resumed)
        .open(path)
        .await?;
    let mut total = if resumed { have } else { 0 };
    let written = write_body(response, &mut file, &mut total, expected, watch).await;
    // What has arrived counts, however it ended: the next try goes on from there.
    file.sync_all().await?;
    written?;
    match expected.bytes {
        Some(bytes) if total < bytes => {
            Err(Broken::Once(format!("{total} of {bytes} bytes arrived")))
        }
        _ => Ok(()),
    }
}

async fn write_body(
    response: Response,
    file: &mut File,
    total: &mut u64,
    expected: &Expected,
    watch: &dyn Watch,
) -> Result<(), Broken> {
    let mut body = response.bytes_stream();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| Broken::Once(reason(&error)))?;
        *total += chunk.len() as u64;
        if *total > expected.bytes.unwrap_or(expected.cap_bytes) {
            return Err(Broken::Forever(too_large(expected)));
        }
        file.write_all(&chunk).await?;
        watch.proceed()?;
    }
    Ok(())
}

/// Why a request failed, in plain words: its address, which may be signed, is left out.
pub fn reason(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connect() {
        "no connection can be made"
    } else {
        "the connection broke off"
    };
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match cause.downcast_ref::<reqwest::Error>() {
        None => format!("{what} ({cause})"),
        Some(_) => what.to_owned(),
    }
}

/// The response, unless it says no.
fn accepted(response: Response, expected: &Expected) -> Result<Response, Broken> {
    let status = response.status();
    match status {
        _ if status.is_success() && is_page(&response) => Err(Broken::Forever(Failure::new(
            Code::SourceUnavailable,
            format!(
                "the server answered a web page instead of {}; does its address lead to the hub itself, and not to a \
                 login or a proxy's page?",
                expected.name
            ),
        ))),
        _ if status.is_success() => Ok(response),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Err(Broken::Once(format!("the server answered {status}")))
        }
        _ if status.is_server_error() => Err(Broken::Once(format!("the server answered {status}"))),
        _ => Err(Broken::Forever(Failure::new(
            Code::SourceNotFound,
            format!(
                "{} cannot be had: the server answered {status}",
                expected.name
            ),
        ))),
    }
}

/// Whether it is a page for people; no file of a model or of data is one.
fn is_page(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/html"))
}

fn starts_at(response: &Response, offset: u64) -> bool {
    let range = response
        .headers()
        .get(CONTENT_RANGE)
        .and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {offset}-")))
}

fn too_large(expected: &Expected) -> Failure {
    Failure::new(
        Code::LimitExceeded,
        format!(
            "{} is larger than the {} bytes that it may have",
            expected.name,
            expected.bytes.unwrap_or(expected.cap_bytes)
        ),
    )
}

/// The digest of what lies on the disk, parts of earlier tries included. What is wrong is removed, so that
/// nobody goes on from it.
async fn check(path: &Path, expected: &Expected) -> Result<(), Failure> {
    let Some(wanted) = &expected.sha256 else {
        return Ok(());
    };
    let mut file = File::open(path).await?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let count = file.read(&mut buffer).await?;
        if count == 0 {
            break;
        }
        digest.update(&buffer[..count]);
    }
    let found = hex::encode(digest.finalize());
    if found == *wanted {
        return Ok(());
    }
    tokio::fs::remove_file(path).await?;
    Err(Failure::new(
        Code::SourceUnavailable,
        format!(
            "{} arrived with the SHA-256 {found}, but its listing says {wanted}",
            expected.name
        ),
    ))
}
