//! Files that are read whole, under a cap.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::content::{Content, FIRST_BYTES};
use super::error::CheckpointError;

/// The bytes of a file.
///
/// # Errors
/// When it cannot be read, is larger than `most` bytes, or is a download that went wrong.
pub(super) fn read(path: &Path, most: u64) -> Result<Vec<u8>, CheckpointError> {
    let file = File::open(path).map_err(CheckpointError::io(path))?;
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(CheckpointError::io(path))?;
    if bytes.len() as u64 > most {
        return Err(CheckpointError::Limit(format!(
            "{} is larger than the {most} bytes that are allowed",
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
