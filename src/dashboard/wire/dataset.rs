//! What a dataset holds.

use serde::Deserialize;

/// The columns and the first rows of a dataset.
#[derive(Deserialize)]
pub(crate) struct Inspection {
    pub(crate) rows: u64,
    pub(crate) column_count: usize,
    /// Names of the first columns.
    pub(crate) columns: Vec<String>,
    /// The first rows, with a value for each of `columns`.
    pub(crate) sample: Vec<Vec<Option<String>>>,
}
