//! Records of the files that hold images.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::checkpoint::read_file::ReadFile;
use crate::data::error::DataError;

/// Reads a file once, and returns its record.
///
/// # Errors
/// Returns [`DataError::Io`] if it cannot be read.
pub(super) fn record(path: &Path, name: &str) -> Result<ReadFile, DataError> {
    let failed = |source: io::Error| DataError::Io {
        path: name.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let (mut sha256, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => break,
            count => {
                sha256.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
    Ok(ReadFile {
        name: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        bytes,
        sha256: hex::encode(sha256.finalize()),
    })
}
