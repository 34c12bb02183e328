//! The record of a file that was read, which identifies its content.

use std::io::Read;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::regular_file;

/// A file as it was when it was read: name, size and SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadFile {
    /// File name, without the folder.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the content, in hexadecimal.
    pub sha256: String,
}

impl ReadFile {
    /// Creates the record of a file from its content.
    #[must_use]
    pub fn of(name: &str, content: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            bytes: content.len() as u64,
            sha256: hex::encode(Sha256::digest(content)),
        }
    }

    /// Creates the record of a file on disk, which is read once.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub fn of_file(path: &Path) -> std::io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Digested::new(regular_file::open(path)?).whole(&name)
    }
}

/// A reader that counts and hashes the bytes that it reads.
pub struct Digested<R> {
    inner: R,
    bytes: u64,
    sha256: Sha256,
}

impl<R: Read> Digested<R> {
    /// Wraps a reader.
    #[must_use]
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            bytes: 0,
            sha256: Sha256::new(),
        }
    }

    /// Returns the record of the whole file. First reads the rest of the file, for example after the end of compressed data.
    ///
    /// # Errors
    /// Returns an error if the rest cannot be read.
    pub fn whole(mut self, name: &str) -> std::io::Result<ReadFile> {
        std::io::copy(&mut self, &mut std::io::sink())?;
        Ok(ReadFile {
            name: name.to_owned(),
            bytes: self.bytes,
            sha256: hex::encode(self.sha256.finalize()),
        })
    }
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        self.sha256.update(&buffer[..count]);
        Ok(count)
    }
}
