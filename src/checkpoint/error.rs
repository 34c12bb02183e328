//! Errors of checkpoints.

/// Error for a checkpoint that cannot be used. The message says what is wrong and how to fix it.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file or folder does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The checkpoint is well-formed, but its kind of model is not supported.
    #[error("{0}")]
    UnsupportedModel(String),
    /// The weights are only in formats that can run code.
    #[error("{0}")]
    UnsafeFormat(String),
    /// The checkpoint is malformed, or its parts do not fit together.
    #[error("{0}")]
    Invalid(String),
    /// The tokenizer is missing or cannot be used.
    #[error("{0}")]
    Tokenizer(String),
    /// The checkpoint exceeds the limits on size, or the memory of the device.
    #[error("{0}")]
    Limit(String),
    /// A file or folder could not be read.
    #[error("{path}: {source}")]
    Io {
        /// Path of the file or folder.
        path: String,
        /// Error of the operating system.
        source: std::io::Error,
    },
}

impl CheckpointError {
    /// Returns a function that converts an I/O error on `path`.
    pub fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        |source| Self::Io { path, source }
    }
}

/// Returns the reason of a failed tensor operation in one line, without the backtrace and the context of the error.
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
