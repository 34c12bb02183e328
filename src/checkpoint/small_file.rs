//! Reads small files as a whole, up to a size limit.

use std::io::Read;
use std::path::Path;

use super::content::{Content, FIRST_BYTES};
use super::error::CheckpointError;
use super::regular_file;

/// Returns the bytes of a file.
///
/// # Errors
/// Returns [`CheckpointError`] if the file cannot be read, has more than `max_bytes` bytes, or is a failed download or
/// another kind of file.
pub(super) fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, CheckpointError> {
    let file = regular_file::open(path).map_err(CheckpointError::io(path))?;
    let mut bytes = Vec::new();
    file.take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(CheckpointError::io(path))?;
    if bytes.len() as u64 > max_bytes {
        return Err(CheckpointError::Limit(format!(
            "{} is too large: the limit is {max_bytes} bytes",
            path.display()
        )));
    }
    if let Some(content) = Content::of(&bytes[..bytes.len().min(FIRST_BYTES)]) {
        return Err(CheckpointError::Invalid(format!(
            "{} {}",
            path.display(),
            content.instead_of("the file itself")
        )));
    }
    Ok(bytes)
}
