//! Records of the files that hold images.

use std::path::Path;

use crate::checkpoint::read_file::ReadFile;
use crate::data::error::DataError;

/// Reads a file once, and returns its record.
///
/// # Errors
/// Returns [`DataError::Io`] if it cannot be read.
pub(super) fn record(path: &Path, name: &str) -> Result<ReadFile, DataError> {
    ReadFile::of_file(path).map_err(|source| DataError::Io {
        path: name.to_owned(),
        source,
    })
}
