//! The manifest of a job's published files (`manifest.json`): name, size, digest and key of each file.

use serde::{Deserialize, Serialize};

use crate::file_name::FileName;

/// The files of one result. A manifest is published when it is committed with the job, under the fencing check of the
/// job's lease.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The files, sorted by name.
    pub files: Vec<StoredFile>,
}

/// A stored file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Name by which clients request the file.
    pub name: FileName,
    /// Key in the object store. It is unique to the attempt that wrote the file.
    pub key: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the content, hex.
    pub sha256: String,
}

impl Manifest {
    /// Returns the file with this name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&StoredFile> {
        self.files.iter().find(|file| file.name.as_str() == name)
    }
}
