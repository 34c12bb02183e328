//! Rules for the entries of archives.

use crate::data::error::DataError;
use crate::data::format::Format;
use crate::data::limits::Limits;

use super::paths;

/// Returns the path of an entry that is an image or a table; `None` for other files.
///
/// # Errors
/// Returns [`DataError::Invalid`] if the path leads out of the archive.
pub(super) fn wanted(archive: &str, path: &str) -> Result<Option<String>, DataError> {
    let path = paths::plain(archive, path)?;
    let is_table = Format::of(&path).is_some_and(|(format, _)| format.is_table());
    Ok(((paths::is_image(&path) || is_table) && !paths::is_hidden(&path)).then_some(path))
}

/// Returns the error for a link in place of an image.
pub(super) fn link(archive: &str, path: &str, remedy: &str) -> DataError {
    DataError::Invalid(format!(
        "{archive} contains links instead of images ({path}); {remedy}"
    ))
}

/// Checks the number of entries.
///
/// # Errors
/// Returns [`DataError::Limit`] if there are more than the limit on rows.
pub(super) fn check_entries(
    archive: &str,
    entries: usize,
    limits: &Limits,
) -> Result<(), DataError> {
    match entries > limits.rows {
        false => Ok(()),
        true => Err(DataError::Limit(format!(
            "{archive} has too many entries: the limit is {}",
            limits.rows
        ))),
    }
}

/// Returns the error for an archive that is too large after decompression.
pub(super) fn too_large(archive: &str, limit: u64) -> DataError {
    DataError::Limit(format!(
        "{archive} is too large when decompressed: the limit is {limit} bytes; use fewer images, or an archive in .zip or \
         uncompressed .tar"
    ))
}
