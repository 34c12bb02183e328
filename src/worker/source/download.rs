//! One file over HTTP into a folder: resumed where it broke off, capped, checked.

use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::again::{self, LONGEST_PAUSE};
use super::expected::Expected;
use super::request::{Answer, Get};
use crate::artifact::network;
use crate::artifact::progress::{Pace, Patience};
use crate::prune::failure::{Code, Failure};
use crate::prune::watch::Watch;

/// Tries before a download fails, and the wait before the second; it doubles with each.
const TRIES: u32 = 5;
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Why one try did not bring the whole file.
enum Broken {
    /// Another try may, after the pause that the server asks for.
    Once(String, Option<Duration>),
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
            Err(Broken::Forever(failure)) => return Err(failure),
            Err(Broken::Once(why, pause)) => (why, pause),
        };
        let unavailable = |what: String| {
            Failure::new(
                Code::SourceUnavailable,
                format!("{} {what}: {why}", expected.name),
            )
            .again_after(pause)
        };
        if pause.is_some_and(|pause| pause > LONGEST_PAUSE) {
            return Err(unavailable("cannot be had now".to_owned()));
        }
        if tries == TRIES {
            return Err(unavailable(format!("did not arrive after {TRIES} tries")));
        }
        tracing::warn!(file = %expected.name, tries, why, "a download broke off; going on");
        again::pause(pause.unwrap_or_default().max(wait), watch).await?;
        wait *= 2;
    }
}

/// One try; answers the size of the whole file, as far as anybody told it.
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
        .map_err(|why| Broken::Once(why, None))?;
    if answer.response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        // What is there is no part of this file: from the beginning, then.
        expected.remove(path).await?;
        return Err(Broken::Once("what was there did not fit".to_owned(), None));
    }
    let answer = accepted(answer, expected)?;
    let bytes = expected.bytes.or_else(|| answer.whole_bytes());
    if bytes.is_none() && expected.digest.is_none() {
        return Err(Broken::Forever(Failure::new(
            Code::SourceMismatch,
            format!(
                "{} comes without its size and without a digest, so nobody can tell whether it arrives whole; read it \
                 from a hub whose listing tells sizes (--hub-endpoint)",
                expected.name
            ),
        )));
    }
    let partial = answer.response.status() == StatusCode::PARTIAL_CONTENT;
    if partial && !answer.begins_at(have) {
        expected.remove(path).await?;
        let why = format!("{} sent another part than was asked for", answer.host);
        return Err(Broken::Once(why, None));
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
    let most = bytes.unwrap_or(u64::MAX).min(expected.cap_bytes);
    let written = write_body(answer, &mut file, &mut total, most, patience, watch).await;
    // What has arrived counts, however it ended: the next try goes on from there.
    file.sync_all().await?;
    written?;
    match bytes {
        _ if total > expected.cap_bytes => Err(too_large(expected).into()),
        Some(bytes) if total > bytes => {
            let what = format!("has more than the {bytes} bytes that it was announced with");
            expected.refuse(path, &what).await?;
            Ok(None)
        }
        Some(bytes) if total < bytes => Err(Broken::Once(
            format!("{total} of {bytes} bytes arrived"),
            None,
        )),
        _ => Ok(bytes),
    }
}

/// Writes what arrives, and no byte more than `most`; `total` says whether more came.
async fn write_body(
    answer: Answer,
    file: &mut File,
    total: &mut u64,
    most: u64,
    patience: Patience,
    watch: &dyn Watch,
) -> Result<(), Broken> {
    let host = answer.host;
    let mut body = answer.response.bytes_stream();
    let mut pace = Pace::new(patience);
    loop {
        let next = pace.next(&mut body).await;
        let next = next.map_err(|stalled| Broken::Once(format!("{stalled} from {host}"), None))?;
        let Some(chunk) = next else {
            return Ok(());
        };
        let chunk = chunk.map_err(|error| Broken::Once(network::told(&error, &host), None))?;
        *total += chunk.len() as u64;
        if *total > most {
            return Ok(());
        }
        file.write_all(&chunk).await?;
        watch.proceed()?;
    }
}

/// The answer, unless it says no.
fn accepted(answer: Answer, expected: &Expected) -> Result<Answer, Broken> {
    let status = answer.response.status();
    let host = &answer.host;
    match status {
        _ if status.is_success() && answer.is_page() => Err(Broken::Forever(Failure::new(
            Code::SourceMismatch,
            format!(
                "{host} answered a web page instead of {}; does its address lead to the hub itself, and not to a \
                 login or a proxy's page?",
                expected.name
            ),
        ))),
        _ if status.is_success() => Ok(answer),
        _ if is_passing(status) => Err(Broken::Once(
            format!("{host} answered {status}"),
            again::asked_pause(answer.response.headers()),
        )),
        _ => Err(Broken::Forever(Failure::new(
            Code::SourceNotFound,
            format!("{} cannot be had: {host} answered {status}", expected.name),
        ))),
    }
}

/// Whether the same question may be answered later.
pub(super) fn is_passing(status: StatusCode) -> bool {
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
            "{} is larger than the {} bytes that it may have",
            expected.name, expected.cap_bytes
        ),
    )
}
