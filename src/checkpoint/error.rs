//! Why a checkpoint cannot be used.

/// What is wrong, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file or folder is not there.
    #[error("{0}")]
    NotFound(String),
    /// Well-formed, but of a kind that we do not know.
    #[error("{0}")]
    UnsupportedModel(String),
    /// Only formats that can run code were found.
    #[error("{0}")]
    UnsafeFormat(String),
    /// Malformed, or its parts do not fit each other.
    #[error("{0}")]
    Invalid(String),
    /// The tokenizer is missing or cannot be read.
    #[error("{0}")]
    Tokenizer(String),
    /// Larger than the limits allow.
    #[error("{0}")]
    Limit(String),
    /// Reading failed.
    #[error("{path}: {source}")]
    Io {
        /// What was being read.
        path: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl CheckpointError {
    /// A failure to read `path`.
    pub fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        |source| Self::Io { path, source }
    }
}

/// Why tensor arithmetic failed, in one line: without the backtrace and the context that the error may carry.
#[must_use]
pub fn reason(error: &candle_core::Error) -> String {
    match error {
        candle_core::Error::WithBacktrace { inner, .. }
        | candle_core::Error::Context { inner, .. }
        | candle_core::Error::WithPath { inner, .. } => reason(inner),
        other => other
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    }
}
