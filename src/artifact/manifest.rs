//! What a job published: each file's name, size, digest and place (`manifest.json`).

use serde::{Deserialize, Serialize};

/// The files of one result. Published by committing it with the job, under the fence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// In the order of their names.
    pub files: Vec<StoredFile>,
}

/// One stored file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// The name that a reader asks for, for example `model.safetensors`.
    pub name: String,
    /// Where it is in the object store; unique to the attempt that wrote it.
    pub key: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the content, hex.
    pub sha256: String,
}

impl Manifest {
    /// The file of that name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&StoredFile> {
        self.files.iter().find(|file| file.name == name)
    }
}
