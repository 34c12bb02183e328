//! The report of a job.

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::Value;

use crate::prune::report::Report;

/// A report, with the parts that only some releases write.
pub(crate) struct FullReport {
    pub(crate) report: Report,
    /// Rows of the data whose answers the pruning has changed.
    pub(crate) changed_rows: Vec<ChangedRow>,
}

/// A row whose answer has changed.
#[derive(Deserialize)]
pub(crate) struct ChangedRow {
    pub(crate) row: u64,
    /// Its text, or several. Null if the data has none.
    #[serde(default)]
    pub(crate) input: Value,
    /// The answer of the original, of the pruned model, and the true one, which is null if it is not known.
    pub(crate) before: Value,
    pub(crate) after: Value,
    #[serde(default)]
    pub(crate) truth: Value,
    pub(crate) divergence: f64,
}

impl<'de> Deserialize<'de> for FullReport {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = Value::deserialize(deserializer)?;
        let changed = document.get("changed_rows").cloned();
        let changed_rows = changed.and_then(|rows| serde_json::from_value(rows).ok());
        Ok(Self {
            report: serde_json::from_value(document).map_err(D::Error::custom)?,
            changed_rows: changed_rows.unwrap_or_default(),
        })
    }
}
