//! What the report contains beside the figures.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the report contains beside the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "ReportOptions")]
pub struct Reporting {
    /// Maximum number of rows of the data that the report shows: those whose answers changed most. With 0, the report contains
    /// no text of the data and no name of a data file of a row.
    #[schemars(range(min = 0, max = 100))]
    pub rows: usize,
}

impl Default for Reporting {
    fn default() -> Self {
        Self { rows: 5 }
    }
}
