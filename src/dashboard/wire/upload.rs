//! Uploads.

use serde::Deserialize;

/// The uploads of a tenant.
#[derive(Deserialize)]
pub(crate) struct Uploads {
    pub(crate) data: Vec<Upload>,
}

/// An upload.
#[derive(Deserialize)]
pub(crate) struct Upload {
    pub(crate) uri: String,
    state: String,
    name: String,
}

impl Upload {
    /// Whether jobs can use it.
    pub(crate) fn is_ready(&self) -> bool {
        self.state == "ready"
    }

    /// Whether it is a model: an uncompressed archive always is.
    pub(crate) fn is_model(&self) -> bool {
        self.name.ends_with(".tar")
    }
}
