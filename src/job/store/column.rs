//! What both databases' columns hold, as values and back.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;

/// A document as the text of its JSON.
pub(super) fn json(document: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(document).map_err(damaged)
}

/// A document from the text of its JSON.
pub(super) fn document<T: DeserializeOwned>(text: String) -> Result<T, StoreError> {
    serde_json::from_str(&text).map_err(damaged)
}

/// A word of a closed list, as serde spells it.
pub(super) fn word<T: DeserializeOwned>(text: String) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(text)).map_err(damaged)
}

/// What a row holds is not what this release writes.
pub(super) fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Database(Box::new(error))
}

/// A page's rows, as a database counts them.
pub(super) fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A page and one row more, which tells whether another page follows.
pub(super) fn one_more(limit: usize) -> i64 {
    at_most(limit).saturating_add(1)
}

/// At most so many of the rows that [`one_more`] asked for, read; and whether another page follows.
pub(super) fn page<Row, T>(
    rows: &[Row],
    limit: usize,
    read: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<(Vec<T>, bool), StoreError> {
    let read = rows.iter().take(limit).map(read);
    Ok((read.collect::<Result<_, _>>()?, rows.len() > limit))
}

/// A count, as a database keeps it.
pub(super) fn clamped(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
