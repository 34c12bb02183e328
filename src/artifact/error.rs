//! Errors of the artifact store.

use super::progress::Stalled;

/// Error for a file that cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// There is no object at the key.
    #[error("stored file {0} not found")]
    NotFound(String),
    /// The disk is full.
    #[error("the artifact store's disk is full")]
    Full,
    /// The bucket cannot be used. The message names the bucket and the remedy.
    #[error("{0}")]
    Bucket(String),
    /// The bucket does not exist, or the access key is not allowed to use it. The message names the bucket and the
    /// remedy.
    #[error("{0}")]
    Refused(String),
    /// An object has changed since it was found.
    #[error("stored file {0} changed while it was read")]
    Changed(String),
    /// The transfer of an object stalled.
    #[error("the transfer of the stored file {0} stalled: {1}")]
    Stalled(String, Stalled),
    /// An object is larger than its reader accepts.
    #[error("stored file {key} is too large: the limit is {cap_bytes} bytes")]
    TooLarge {
        /// Key of the object.
        key: String,
        /// Maximum size that the reader accepts, in bytes.
        cap_bytes: u64,
    },
    /// The store did not respond in time.
    #[error("the artifact store did not respond within {} s", limit.as_secs_f64())]
    Late {
        /// The time limit.
        limit: std::time::Duration,
    },
    /// The content of an upload ended early.
    #[error("the content ended before all announced bytes arrived")]
    Cut,
    /// The content of an upload does not have the announced SHA-256.
    #[error("the content does not have the announced SHA-256")]
    Altered,
    /// This local store was opened without a signing key, so it cannot sign URLs.
    #[error("this artifact store cannot sign URLs: it was opened without a signing key")]
    NoUrls,
    /// The local file could not be read, or the object store failed.
    #[error("the artifact store failed: {0}")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ArtifactError {
    /// Returns the error message for clients. The error texts of libraries are only for the operator, so they are
    /// left out.
    #[must_use]
    pub fn public_message(&self) -> String {
        match self {
            Self::Failed(_) => {
                "the artifact store failed; see the service's log for the reason".to_owned()
            }
            _ => self.to_string(),
        }
    }

    pub(super) fn too_large(key: &str, cap_bytes: u64) -> Self {
        Self::TooLarge {
            key: key.to_owned(),
            cap_bytes,
        }
    }
}

impl From<std::io::Error> for ArtifactError {
    fn from(error: std::io::Error) -> Self {
        match is_full(&error) {
            true => Self::Full,
            false => Self::Failed(Box::new(error)),
        }
    }
}

impl From<object_store::Error> for ArtifactError {
    fn from(error: object_store::Error) -> Self {
        if let object_store::Error::NotFound { path, .. } = error {
            return Self::NotFound(path);
        }
        // The local store returns the system's error as a cause, at some depth.
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(current) = cause {
            if current
                .downcast_ref::<std::io::Error>()
                .is_some_and(is_full)
            {
                return Self::Full;
            }
            cause = current.source();
        }
        Self::Failed(Box::new(error))
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
    )
}
