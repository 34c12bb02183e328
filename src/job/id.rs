//! Job ids: `job_` and a UUIDv7, so that they sort by the time of acceptance. Also generates the UUIDs of other ids.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use uuid::{Timestamp, Uuid};

use super::time::UnixMs;

/// Identifier of a job, in the API and in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(Uuid);

/// The text is not a valid job id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid job id \"{0}\"; job ids look like job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10")]
pub struct NotAJobId(String);

impl JobId {
    /// Creates a new id with this database time.
    #[must_use]
    pub fn at(now: UnixMs) -> Self {
        Self(uuid_at(now))
    }

    /// Returns the id without its prefix, as databases store it.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

/// Counter of the generated UUIDs. It starts at a random value in the lower half of its range, and grows by a random
/// step for each UUID.
static COUNTER: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(rand::random::<u64>() >> 1));

/// Returns a UUIDv7 with this time. UUIDs sort by their time; those that this process generates in the same millisecond
/// sort by creation. The time is database time, so that UUIDs of processes with different clocks sort correctly.
pub(super) fn uuid_at(now: UnixMs) -> Uuid {
    let step = u64::from(rand::random::<u32>()) + 1;
    let count = COUNTER.fetch_add(step, Ordering::Relaxed);
    let since = std::time::Duration::from_millis(now.max(0).unsigned_abs());
    let moment = Timestamp::from_unix_time(
        since.as_secs(),
        since.subsec_nanos(),
        count.into(),
        u64::BITS as u8,
    );
    Uuid::new_v7(moment)
}

impl fmt::Display for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "job_{}", self.0.hyphenated())
    }
}

impl FromStr for JobId {
    type Err = NotAJobId;

    fn from_str(text: &str) -> Result<Self, NotAJobId> {
        let wrong = || NotAJobId(text.chars().take(64).collect());
        let uuid = text.strip_prefix("job_").ok_or_else(wrong)?;
        // Accept only one spelling, because the id is part of object keys and signed URLs.
        let parsed = Uuid::try_parse(uuid).map_err(|_| wrong())?;
        if parsed.hyphenated().to_string() != uuid {
            return Err(wrong());
        }
        Ok(Self(parsed))
    }
}

impl From<Uuid> for JobId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl TryFrom<String> for JobId {
    type Error = NotAJobId;

    fn try_from(text: String) -> Result<Self, NotAJobId> {
        text.parse()
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.to_string()
    }
}
