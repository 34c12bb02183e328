//! When a place that refuses asks to be asked again (`Retry-After`), and the wait until then.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::prune::failure::Failure;
use crate::prune::watch::Watch;
use crate::worker::heed::heed;

/// Longest pause that is waited for here; whoever asks for a longer one is left alone until then.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The pause that an answer asks for: seconds, or a date.
pub(super) fn asked_pause(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Waits, unless someone asks to stop.
pub(super) async fn pause(time: Duration, watch: &dyn Watch) -> Result<(), Failure> {
    let waited = async {
        tokio::time::sleep(time).await;
        Ok(())
    };
    heed(watch, waited).await
}
