//! A job's name: `job_` and a UUIDv7, so that names sort by the time of acceptance.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names a job, on the wire and in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(Uuid);

/// The text is no job id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no job id; job ids look like job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10")]
pub struct NotAJobId(String);

impl JobId {
    /// A fresh name, later than every name made before it in this process.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }

    /// The name without its word, as a database keeps it.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }
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
        // One spelling only: the id is part of object keys and of signed URLs.
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
