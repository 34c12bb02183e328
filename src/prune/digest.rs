//! Names a document by everything that it was made from.

use std::fmt::Display;
use std::io::Read;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// A SHA-256 over named parts.
pub struct Digest(Sha256);

impl Digest {
    /// `kind` names the document and the version of what makes it: another version, another digest.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        Self(Sha256::new()).part("kind", kind)
    }

    /// Adds a part. Lengths stand before the texts, so that no two lists of parts read alike.
    #[must_use]
    pub fn part(mut self, name: &str, value: impl Display) -> Self {
        let value = value.to_string();
        for text in [name, &value] {
            self.0.update((text.len() as u64).to_le_bytes());
            self.0.update(text);
        }
        self
    }

    /// The digest.
    #[must_use]
    pub fn hex(self) -> String {
        hex::encode(self.0.finalize())
    }
}

/// SHA-256 of a file, hex.
///
/// # Errors
/// When it cannot be read.
pub fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(digest.finalize())),
            count => digest.update(&buffer[..count]),
        }
    }
}
