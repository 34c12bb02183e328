//! Files of a result.

use serde::Deserialize;

use super::moment::Moment;

/// The files of a job.
#[derive(Deserialize)]
pub(crate) struct Artifacts {
    pub(crate) data: Vec<Artifact>,
    pub(crate) expires_at: Option<Moment>,
}

/// A signed download URL.
#[derive(Deserialize)]
pub(crate) struct SignedUrl {
    pub(crate) url: String,
}

/// A file.
#[derive(Deserialize)]
pub(crate) struct Artifact {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}
