//! Downloads one file over HTTP: with resumption, a size limit and a check of size and digest.

use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::expected::Expected;
use super::request::{Answer, Get};
use super::retry_after::{self, MAX_PAUSE};
use crate::artifact::network;
use crate::artifact::progress::{Pace, Patience};
use crate::prune::failure::{Code, Failure};
use crate::prune::watch::Watch;

/// Number of tries before a download fails.
const TRIES: u32 = 5;
/// Pause before the second try; it doubles with each try.
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Why one try did not complete the file.
enum Broken {
    /// A temporary error, with the pause that the server requests. Another try may succeed.
    Temporary(String, Option<Duration>),
    /// A permanent error.
    Permanent(Failure),
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self::Permanent(error.into())
    }
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self::Permanent(failure)
    }
}

/// Downloads a file to `path`. If a part of it exists already, a range request fetches the rest.
///
/// # Errors
/// Returns an error if the file is too large, is not the expected one, cannot be written, or did not arrive after
/// several tries.
pub(super) async fn download(
    get: &Get,
    path: &Path,
    expected: &Expected,
    patience: Patience,
    watch: &dyn Watch,
) -> Result<(), Failure> {
    let mut wait = FIRST_WAIT;
    let mut tries = 0;
    loop {
        tries += 1;
        let (why, pause) = match once(get, path, expected, patience, watch).await {
            Ok(bytes) => return expected.check(path, bytes).await,
            Err(Broken::Permanent(failure)) => return Err(failure),
            Err(Broken::Temporary(why, pause)) => (why, pause),
        };
        let unavailable = |what: String| {
            Failure::new(
                Code::SourceUnavailable,
                format!("{} {what}: {why}", expected.name),
            )
            .again_after(pause)
        };
        if pause.is_some_and(|pause| pause > MAX_PAUSE) {
            return Err(unavailable("is unavailable".to_owned()));
        }
        if tries == TRIES {
            return Err(unavailable(format!("did not arrive after {TRIES} tries")));
        }
        tracing::warn!(file = %expected.name, tries, why, "a download failed; resuming");
        retry_after::pause(pause.unwrap_or_default().max(wait), watch).await?;
        wait *= 2;
    }
}

/// Makes one try, and returns the size of the whole file if the listing or the response states it.
async fn once(
    get: &Get,
    path: &Path,
    expected: &Expected,
    patience: Patience,
    watch: &dyn Watch,
) -> Result<Option<u64>, Broken> {
    let have = tokio::fs::metadata(path)
        .await
        .map_or(0, |found| found.len());
    if have > 0 && expected.bytes == Some(have) {
        return Ok(expected.bytes);
    }
    let answer = get
        .send(have, patience.within)
        .await
        .map_err(|why| Broken::Temporary(why, None))?;
    if answer.response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        // The existing part does not belong to this file: start over.
        expected.remove(path).await?;
        let why = "the part on disk does not match the file".to_owned();
        return Err(Broken::Temporary(why, None));
    }
    let answer = accepted(answer, expected)?;
    let bytes = expected.bytes.or_else(|| answer.whole_bytes());
    if bytes.is_none() && expected.digest.is_none() {
        return Err(Broken::Permanent(Failure::new(
            Code::SourceMismatch,
            format!(
                "{} has no announced size and no digest, so its completeness cannot be checked; use a hub whose listing \
                 includes file sizes (--hub-endpoint)",
                expected.name
            ),
        )));
    }
    let partial = answer.response.status() == StatusCode::PARTIAL_CONTENT;
    if partial && !answer.begins_at(have) {
        expected.remove(path).await?;
        let why = format!("{} sent another range than was requested", answer.host);
        return Err(Broken::Temporary(why, None));
    }
    let resumed = partial && have > 0;
    let mut file = File::options()
        .create(true)
        .write(true)
        .append(resumed)
        .truncate(!resumed)
        .open(path)
        .await?;
    let mut total = if resumed { have } else { 0 };
    let limit = bytes.unwrap_or(u64::MAX).min(expected.cap_bytes);
    let written = write_body(answer, &mut file, &mut total, limit, patience, watch).await;
    // Keep what has arrived even after an error: the next try resumes from there.
    file.sync_all().await?;
    written?;
    match bytes {
        _ if total > expected.cap_bytes => Err(too_large(expected).into()),
        Some(bytes) if total > bytes => {
            let what = format!("is larger than announced ({bytes} bytes)");
            expected.refuse(path, &what).await?;
            Ok(None)
        }
        Some(bytes) if total < bytes => Err(Broken::Temporary(
            format!("{total} of {bytes} bytes arrived"),
            None,
        )),
        _ => Ok(bytes),
    }
}

/// Writes the response body to the file, at most `limit` bytes in total. If `total` exceeds `limit` afterwards, the
/// body was longer.
async fn write_body(
    answer: Answer,
    file: &mut File,
    total: &mut u64,
    limit: u64,
    patience: Patience,
    watch: &dyn Watch,
) -> Result<(), Broken> {
    let host = answer.host;
    let mut body = answer.response.bytes_stream();
    let mut pace = Pace::new(patience);
    loop {
        let next = pace.next(&mut body).await;
        let next =
            next.map_err(|stalled| Broken::Temporary(format!("{stalled} from {host}"), None))?;
        let Some(chunk) = next else {
            return Ok(());
        };
        let chunk = chunk.map_err(|error| Broken::Temporary(network::told(&error, &host), None))?;
        *total += chunk.len() as u64;
        if *total > limit {
            return Ok(());
        }
        file.write_all(&chunk).await?;
        watch.proceed()?;
    }
}

/// Returns the response if its status is a success and it is not a web page.
fn accepted(answer: Answer, expected: &Expected) -> Result<Answer, Broken> {
    let status = answer.response.status();
    let host = &answer.host;
    match status {
        _ if status.is_success() && answer.is_page() => Err(Broken::Permanent(Failure::new(
            Code::SourceMismatch,
            format!(
                "{host} returned a web page instead of {}; check that its address leads to the hub itself, and not to a \
                 login page or a proxy",
                expected.name
            ),
        ))),
        _ if status.is_success() => Ok(answer),
        _ if is_temporary(status) => Err(Broken::Temporary(
            format!("{host} returned status {status}"),
            retry_after::requested_pause(answer.response.headers()),
        )),
        _ => Err(Broken::Permanent(Failure::new(
            Code::SourceNotFound,
            format!(
                "could not download {}: {host} returned status {status}",
                expected.name
            ),
        ))),
    }
}

/// Returns whether the same request may succeed later.
pub(super) fn is_temporary(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
        )
}

fn too_large(expected: &Expected) -> Failure {
    Failure::new(
        Code::LimitExceeded,
        format!(
            "{} is too large: the limit is {} bytes",
            expected.name, expected.cap_bytes
        ),
    )
}
