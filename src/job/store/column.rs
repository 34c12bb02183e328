//! Conversions between values and columns, for both databases.

use std::error::Error;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::StoreError;

/// Serializes a document to JSON text.
pub(super) fn json(document: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(document).map_err(damaged)
}

/// Parses a document from JSON text.
pub(super) fn document<T: DeserializeOwned>(text: String) -> Result<T, StoreError> {
    serde_json::from_str(&text).map_err(damaged)
}

/// Parses a string, for example the name of an enum variant as serde writes it.
pub(super) fn word<T: DeserializeOwned>(text: String) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(text)).map_err(damaged)
}

/// Parses an id.
pub(super) fn parsed<T>(text: String) -> Result<T, StoreError>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    text.parse().map_err(damaged)
}

/// Returns the error for a row that this release cannot read.
pub(super) fn damaged(error: impl Error + Send + Sync + 'static) -> StoreError {
    StoreError::Database(Box::new(error))
}

/// Converts a page size to the integer type of the databases.
pub(super) fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Returns the page size plus one; the extra row tells whether another page follows.
pub(super) fn one_more(limit: usize) -> i64 {
    at_most(limit).saturating_add(1)
}

/// Reads at most `limit` of the rows of a query with [`one_more`], and returns whether another page follows.
pub(super) fn page<Row, T>(
    rows: &[Row],
    limit: usize,
    read: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<(Vec<T>, bool), StoreError> {
    let read = rows.iter().take(limit).map(read);
    Ok((read.collect::<Result<_, _>>()?, rows.len() > limit))
}

/// Converts a count to the integer type of the databases. A too large count becomes the maximum.
pub(super) fn clamped(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
