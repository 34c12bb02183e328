//! Digests that identify a document by all of its inputs.

use std::fmt::Display;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::checkpoint::read_file::ReadFile;

/// A SHA-256 digest over named parts.
pub struct Digest(Sha256);

impl Digest {
    /// Starts a digest. `kind` names the document and the version of the code that produces it, so that a new
    /// version gives another digest.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        Self(Sha256::new()).part("kind", kind)
    }

    /// Adds a part. Name and value are each preceded by their length, so that two different lists of parts
    /// never give the same bytes.
    #[must_use]
    pub fn part(mut self, name: &str, value: impl Display) -> Self {
        let value = value.to_string();
        for string in [name, &value] {
            self.0.update((string.len() as u64).to_le_bytes());
            self.0.update(string);
        }
        self
    }

    /// Returns the digest in hexadecimal.
    #[must_use]
    pub fn hex(self) -> String {
        hex::encode(self.0.finalize())
    }
}

/// Returns the SHA-256 of a file in hexadecimal.
///
/// # Errors
/// Returns an error if the file cannot be read.
pub fn sha256_of(path: &Path) -> std::io::Result<String> {
    Ok(ReadFile::of_file(path)?.sha256)
}
