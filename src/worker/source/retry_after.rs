//! Reads the `Retry-After` header of a response, and waits for that time.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::prune::failure::Failure;
use crate::prune::watch::Watch;
use crate::worker::cancel;

/// Longest pause that a download waits for. If a server requests a longer one, the download fails and the job waits.
pub(super) const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Returns the pause that a response requests, given as seconds or as a date.
pub(super) fn requested_pause(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Waits for this time, unless the attempt must stop.
pub(super) async fn pause(time: Duration, watch: &dyn Watch) -> Result<(), Failure> {
    let waited = async {
        tokio::time::sleep(time).await;
        Ok(())
    };
    cancel::on_stop(watch, waited).await
}
