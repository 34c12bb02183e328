//! Rules for the entries of archives.

use crate::data::error::DataError;
use crate::data::format::Format;
use crate::data::limits::Limits;

use super::paths;

/// Maximum number of images and tables in an archive or a folder.
const MAX_ENTRIES: usize = 2_000_000;

/// Maximum size of all their paths together, in bytes.
const MAX_NAME_BYTES: usize = 128 << 20;

/// Maximum length of a path, in bytes.
const MAX_PATH_BYTES: usize = 4096;

/// Counts the bytes of paths.
#[derive(Default)]
pub(super) struct NameBytes(usize);

impl NameBytes {
    /// Adds a path.
    ///
    /// # Errors
    /// Returns [`DataError::Limit`] if all paths together are too long.
    pub(super) fn add(&mut self, holder: &str, path: &str) -> Result<(), DataError> {
        self.0 += path.len();
        match self.0 > MAX_NAME_BYTES {
            false => Ok(()),
            true => Err(DataError::Limit(format!(
                "{holder} has too many long paths: the limit is {MAX_NAME_BYTES} bytes for all together"
            ))),
        }
    }
}

/// Returns the path of an entry that is an image or a table; `None` for other files.
///
/// # Errors
/// Returns [`DataError`] if the path leads out of the archive or is too long.
pub(super) fn wanted(archive: &str, path: &str) -> Result<Option<String>, DataError> {
    if path.len() > MAX_PATH_BYTES {
        return Err(DataError::Limit(format!(
            "{archive} contains a path of {} bytes; the limit is {MAX_PATH_BYTES} bytes",
            path.len()
        )));
    }
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
/// Returns [`DataError::Limit`] if there are more than the limit on rows, or on the entries of any archive.
pub(super) fn check_entries(
    archive: &str,
    entries: usize,
    limits: &Limits,
) -> Result<(), DataError> {
    let most = limits.rows.min(MAX_ENTRIES);
    match entries > most {
        false => Ok(()),
        true => Err(DataError::Limit(format!(
            "{archive} has too many entries: the limit is {most}"
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
