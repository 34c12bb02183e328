//! The life cycle of a job: its states and the transitions between them.
//!
//! This module is pure: it uses no clock and no store. Debug builds check each change to a terminal state against it,
//! and the CHECK constraints of the database schema repeat its rules.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// State of a job.
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
pub enum State {
    /// The job waits for a worker. It is in this state after acceptance, or after an attempt that ended without a
    /// result. A claim changes it to `running`.
    Queued,
    /// A worker holds the lease of the job. A claim starts this state, and the worker ends it.
    Running,
    /// A worker holds the lease and was asked to stop. A cancel request starts this state. The worker ends it, or the
    /// sweeper after the lease has expired.
    Canceling,
    /// Ended with a result.
    Succeeded,
    /// Ended without a result.
    Failed,
    /// Ended because a client canceled it.
    Canceled,
    /// Ended because its deadline passed.
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
