//! Where the bytes of an image are until a batch needs them.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use zip::ZipArchive;

use super::limits::MAX_BYTES;
use super::window::Window;
use crate::checkpoint::regular_file;
use crate::data::error::DataError;

/// The place of the bytes of an image.
#[derive(Clone)]
pub(super) enum Held {
    /// In memory.
    Bytes(Vec<u8>),
    /// A whole file.
    File(PathBuf),
    /// A part of a file.
    Span {
        /// The file.
        file: Arc<File>,
        /// The first byte.
        first: u64,
        /// The number of bytes.
        bytes: u64,
    },
    /// An entry of a zip archive.
    Zipped {
        /// The archive. Copies share the list of its entries.
        archive: ZipArchive<Window>,
        /// The index of the entry.
        index: usize,
    },
}

impl Held {
    /// Reads the bytes.
    ///
    /// # Errors
    /// Returns [`DataError`] if they cannot be read, or if they are too many. The message begins with `place`.
    pub(super) fn read(&self, place: &str) -> Result<Cow<'_, [u8]>, DataError> {
        let failed = |source: io::Error| DataError::Io {
            path: place.to_owned(),
            source,
        };
        Ok(match self {
            Self::Bytes(bytes) => {
                check(bytes.len() as u64, place)?;
                Cow::Borrowed(bytes)
            }
            Self::File(path) => {
                let file = regular_file::open(path).map_err(failed)?;
                Cow::Owned(bounded(file, place, failed)?)
            }
            Self::Span { file, first, bytes } => {
                check(*bytes, place)?;
                let mut buffer = vec![0; *bytes as usize];
                file.read_exact_at(&mut buffer, *first).map_err(failed)?;
                Cow::Owned(buffer)
            }
            Self::Zipped { archive, index } => {
                let mut archive = archive.clone();
                let entry = archive
                    .by_index(*index)
                    .map_err(|error| unreadable(place, &error))?;
                let damaged = |_| {
                    DataError::Invalid(format!(
                        "{place} cannot be decompressed; create the zip archive again"
                    ))
                };
                Cow::Owned(bounded(entry, place, damaged)?)
            }
        })
    }
}

/// Reads a whole file up to the limit on images.
pub(super) fn bounded(
    reader: impl Read,
    place: &str,
    failed: impl Fn(io::Error) -> DataError,
) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    reader
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    check(bytes.len() as u64, place)?;
    Ok(bytes)
}

fn check(bytes: u64, place: &str) -> Result<(), DataError> {
    match bytes > MAX_BYTES {
        false => Ok(()),
        true => Err(DataError::Limit(format!(
            "{place} is too large: the limit for an image is {MAX_BYTES} bytes"
        ))),
    }
}

/// Returns the error for an entry of a zip archive that cannot be opened.
fn unreadable(place: &str, error: &zip::result::ZipError) -> DataError {
    DataError::Invalid(match error {
        zip::result::ZipError::UnsupportedArchive(_) => format!(
            "{place} is encrypted, or compressed with another method than deflate; create the zip archive again, without a password"
        ),
        _ => format!("{place} cannot be read; the zip archive is damaged"),
    })
}
