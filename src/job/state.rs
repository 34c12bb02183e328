//! The life of a job: which states there are, and which arrows lead from one to the next.
//!
//! Pure: no clock, no store. The stores ask it before each change, and the schema's CHECK
//! constraints say the same once more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// Where a job is in its life.
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
    /// Waits for a worker. Enters by acceptance, or from `running` when an attempt ended without a
    /// result; a claim moves it on.
    Queued,
    /// A worker holds its lease. Enters by a claim; the worker moves it on.
    Running,
    /// A worker holds its lease and was asked to stop. Enters by a cancel request; the worker
    /// moves it on, or the sweeper once the lease has run out.
    Canceling,
    /// Ended with a result.
    Succeeded,
    /// Ended without one.
    Failed,
    /// Ended because someone asked.
    Canceled,
    /// Ended because its deadline passed.
    Expired,
}

impl State {
    /// Every state.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Whether nothing can change it any more.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::Canceled | Self::Expired
        )
    }

    /// Whether an arrow leads from here to `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Queued => matches!(
                next,
                Self::Running | Self::Failed | Self::Canceled | Self::Expired
            ),
            // To itself: a claim after the lease ran out.
            Self::Running => true,
            // A result that was finished while the request was under way still counts.
            Self::Canceling => matches!(
                next,
                Self::Succeeded | Self::Failed | Self::Canceled | Self::Expired
            ),
            Self::Succeeded | Self::Failed | Self::Canceled | Self::Expired => false,
        }
    }

    /// The state as it is written in JSON and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
