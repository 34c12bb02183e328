//! JSON files of a model's folder.

use std::path::Path;

use serde_json::{Map, Value};

use super::error::CheckpointError;
use super::weights::read_capped;

/// What is wrong with a file, as an error.
type Wrong = fn(String) -> CheckpointError;

/// A file that is one JSON object.
///
/// # Errors
/// When it cannot be read, is larger than `most` bytes, or is no JSON object.
pub(super) fn object(
    path: &Path,
    most: u64,
    wrong: Wrong,
) -> Result<Map<String, Value>, CheckpointError> {
    let bytes = read_capped(path, most)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        wrong(format!(
            "{} cannot be read: it is no JSON object ({error})",
            path.display()
        ))
    })
}

/// The same, or `None` where the folder has no file of that name.
///
/// # Errors
/// See [`object`].
pub(super) fn object_where_there(
    folder: &Path,
    name: &str,
    most: u64,
    wrong: Wrong,
) -> Result<Option<Map<String, Value>>, CheckpointError> {
    let path = folder.join(name);
    match path.is_file() {
        true => object(&path, most, wrong).map(Some),
        false => Ok(None),
    }
}
