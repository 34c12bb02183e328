//! Outages that queued jobs wait for: a dependency of the job (a source host or the artifact store) is unavailable.
//!
//! An outage does not count as an attempt. The job is requeued and held in the queue. Processes that run jobs of its
//! device poll the dependency ([`look_at`](Waiting::look_at)) and resume the job when it is available. If the job meets
//! another outage soon after, although a poll had succeeded, the pause before the next poll doubles.

use serde::{Deserialize, Serialize};

use super::time::UnixMs;
use crate::prune::failure::Failure;

/// Pause before the first poll, in milliseconds; it doubles with each outage of a series, up to [`MAX_PAUSE_MS`].
const FIRST_PAUSE_MS: i64 = 2_000;
const MAX_PAUSE_MS: i64 = 300_000;

/// An outage this long after the last poll was due begins a new series, in milliseconds.
const NEW_SERIES_MS: i64 = 600_000;

/// Time after which the job may be claimed without a successful poll, in milliseconds from the first due poll.
const UNPOLLED_MS: i64 = 900_000;

/// Why a job is held in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The failure that tells which dependency is unavailable, and why.
    pub failure: Failure,
    /// Time of the first outage of the series.
    pub since: UnixMs,
    /// Number of outages in the series.
    pub times: u32,
    /// Time of the first successful poll; from then on the job no longer waits.
    pub back_at: Option<UnixMs>,
    /// Time of the next poll.
    #[serde(skip)]
    pub look_at: UnixMs,
}

impl Waiting {
    /// Creates the state after an attempt met an outage. `last` is the previous state of the job, if any.
    #[must_use]
    pub fn after(last: Option<&Self>, failure: Failure, now: UnixMs) -> Self {
        let series = last.filter(|last| now < last.look_at.saturating_add(NEW_SERIES_MS));
        let times = series.map_or(0, |last| last.times).saturating_add(1);
        let pause = FIRST_PAUSE_MS
            .saturating_mul(1 << (times - 1).min(20))
            .min(MAX_PAUSE_MS);
        let requested = failure.retry_after.map_or(0, |pause| {
            i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)
        });
        Self {
            since: series.map_or(now, |last| last.since),
            times,
            back_at: None,
            look_at: now.saturating_add(pause.max(requested)),
            failure,
        }
    }

    /// Returns the time from which on the job may be claimed without a successful poll.
    #[must_use]
    pub fn until(&self) -> UnixMs {
        self.look_at.saturating_add(UNPOLLED_MS)
    }
}
