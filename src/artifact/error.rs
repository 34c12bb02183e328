//! Why a file cannot be stored or read.

use super::progress::Stalled;

/// What the object store could not do.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// No object at that key.
    #[error("there is no stored file at {0}")]
    NotFound(String),
    /// The disk is full.
    #[error("the artifact store's disk is full")]
    Full,
    /// The bucket cannot be used; the sentence names it and what to do.
    #[error("{0}")]
    Bucket(String),
    /// The bucket is not there, or not for this access key; the sentence names it and what to do.
    #[error("{0}")]
    Refused(String),
    /// An object is no more what it was when it was found.
    #[error("the stored file at {0} changed while it was read")]
    Changed(String),
    /// An object brought next to nothing for too long.
    #[error("the stored file at {0} stopped coming: {1}")]
    Stalled(String, Stalled),
    /// An object is larger than its reader takes.
    #[error("the stored file at {key} has more than the {cap_bytes} bytes that are taken")]
    TooLarge {
        /// Where it is.
        key: String,
        /// What its reader takes.
        cap_bytes: u64,
    },
    /// The store does not answer in time.
    #[error("the artifact store did not answer within {} s", limit.as_secs_f64())]
    Late {
        /// How long it may take.
        limit: std::time::Duration,
    },
    /// What was sent ended before it was whole.
    #[error("the content ended before it was whole")]
    Cut,
    /// This store was opened without the means to make URLs.
    #[error("this artifact store makes no URLs: it was opened without a signing key")]
    NoUrls,
    /// Reading the local file, or the object store, failed.
    #[error("the artifact store failed: {0}")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ArtifactError {
    /// The error for whoever uses the service: what a library says of it is for the operator.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Failed(_) => "the artifact store failed; the service's log tells why".to_owned(),
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
        // The local store hides the system's error somewhere below its own.
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
