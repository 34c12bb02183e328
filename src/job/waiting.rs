//! What a queued job waits for besides its turn: a place that it needs and that is away.
//!
//! An outage is no fault of the job: it costs no attempt. The job goes back to the queue and is held there; whoever
//! runs jobs of its device looks for the place's return ([`look_at`](Waiting::look_at)) and lets it go on. A job that
//! finds the place away again, although a look had found it back, is looked for later each time.

use serde::{Deserialize, Serialize};

use super::UnixMs;
use crate::prune::failure::Failure;

/// Pause before the first look; it doubles with each outage in a row, up to [`MOST_PAUSE_MS`].
const FIRST_PAUSE_MS: i64 = 2_000;
const MOST_PAUSE_MS: i64 = 300_000;

/// An outage this long after the last one begins a new row.
const NEW_ROW_MS: i64 = 600_000;

/// A job that nobody looked for is claimed again after this time.
const UNSEEN_MS: i64 = 900_000;

/// Why a job is held in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Which place is away, and what it said.
    pub failure: Failure,
    /// When the first outage of the row was met.
    pub since: UnixMs,
    /// Outages in a row.
    pub times: u32,
    /// When the place was found back; the job no longer waits then.
    pub back_at: Option<UnixMs>,
    /// When somebody looks whether the place is back.
    #[serde(skip)]
    pub look_at: UnixMs,
}

impl Waiting {
    /// An attempt met an outage.
    #[must_use]
    pub fn after(last: Option<&Self>, failure: Failure, now: UnixMs) -> Self {
        let row = last.filter(|last| now < last.look_at.saturating_add(NEW_ROW_MS));
        let times = row.map_or(0, |last| last.times).saturating_add(1);
        let pause = FIRST_PAUSE_MS
            .saturating_mul(1 << (times - 1).min(20))
            .min(MOST_PAUSE_MS);
        let asked = failure.retry_after.map_or(0, |pause| {
            i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)
        });
        Self {
            since: row.map_or(now, |last| last.since),
            times,
            back_at: None,
            look_at: now.saturating_add(pause.max(asked)),
            failure,
        }
    }

    /// When the job may be claimed although nobody found the place back.
    #[must_use]
    pub fn until(&self) -> UnixMs {
        self.look_at.saturating_add(UNSEEN_MS)
    }
}
