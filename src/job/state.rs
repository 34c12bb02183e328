//! The life cycle of a job: its states and the transitions between them.
//!
//! This module is pure: it uses no clock and no store. Debug builds check each change to a terminal state against it,
//! and the CHECK constraints of the database schema repeat its rules.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// State of a job. A job in one of the last four states has ended, and its state no longer changes.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "JobState")]
pub enum State {
    /// The job waits for a worker: after its creation, or after an attempt that ended without a result.
    Queued,
    /// A worker runs the job.
    // A claim starts this state, and the worker, which holds the lease, ends it.
    Running,
    /// A running job is being canceled. It succeeds if it completes first.
    // A cancel request starts this state. The worker ends it, or the sweeper after the lease has expired.
    Canceling,
    /// The job has a report and artifacts.
    Succeeded,
    /// The job failed; `error` has the reason.
    Failed,
    /// The job was canceled.
    Canceled,
    /// The deadline passed before the job succeeded.
    Expired,
}

impl State {
    /// All states.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Returns whether the state is final.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::Canceled | Self::Expired
        )
    }

    /// Returns whether a job in this state may change to `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Queued => matches!(
                next,
                Self::Running | Self::Failed | Self::Canceled | Self::Expired
            ),
            // A running job may also become running: by a claim after the lease expired.
            Self::Running => true,
            // A result that was completed at the same time as the cancel request still counts.
            Self::Canceling => matches!(
                next,
                Self::Succeeded | Self::Failed | Self::Canceled | Self::Expired
            ),
            Self::Succeeded | Self::Failed | Self::Canceled | Self::Expired => false,
        }
    }

    /// Returns the state as written in JSON and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
