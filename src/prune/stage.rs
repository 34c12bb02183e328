//! The stages of a job, as shown in its status.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// A stage of a running job. The variants are in order of execution.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Sources are resolved and checked, weights and data are read.
    Preparing,
    /// Costs are counted, and the target is checked against the smallest model that can be reached.
    Planning,
    /// Each unit is scored by the effect of its removal on the trajectory.
    Scoring,
    /// The best set of units within the budget is selected.
    Searching,
    /// The projections that read the kept units are fitted again.
    Compensating,
    /// The other units are removed and the pruned model is written.
    Cutting,
    /// The pruned model is read back and measured.
    Verifying,
    /// Files are stored and the result is committed.
    Publishing,
}

impl Stage {
    /// All stages in order of execution.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Returns the stage's name as used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
