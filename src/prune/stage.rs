//! The stages of a job, as shown in its status.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// Stage of a running job, in the order of execution.
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
    /// Reads the model and the data.
    Preparing,
    /// Measures the costs of all units, and checks that the target can be reached.
    Planning,
    /// Rotates attention heads, so that few of their channels matter.
    Rotating,
    /// Scores every unit.
    Scoring,
    /// Decides how many patches of an image each layer merges.
    Merging,
    /// Selects the units to keep.
    Searching,
    /// Repairs the remaining weights.
    Compensating,
    /// Removes the other units, and writes the pruned model.
    Cutting,
    /// Reads the pruned model back, and compares it with the original.
    Verifying,
    /// Stores the artifacts.
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
