//! The stations of the route, as a reader of a job's status sees them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// What a running job is doing. The order is the order of the route.
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
    /// Costs are counted and the target is checked against what can be reached.
    Planning,
    /// Units are masked one by one and the trajectory is compared.
    Scoring,
    /// The best set of units under the budget is picked.
    Searching,
    /// The kept weights are solved again.
    Compensating,
    /// The rest is cut out and written.
    Cutting,
    /// The cut model is read back and measured.
    Verifying,
    /// Files are stored and the result is committed.
    Publishing,
}

impl Stage {
    /// Every stage in order.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The stage as it is written in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
