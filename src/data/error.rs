//! Errors of data files.

use crate::checkpoint::error::{CheckpointError, reason};

/// Error for a data file that cannot be used. The message says what is wrong, where, and how to fix it.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file does not exist.
    #[error("data file {0} not found")]
    NotFound(String),
    /// The file, a column or a row is malformed.
    #[error("{0}")]
    Invalid(String),
    /// The data is larger than the limits allow.
    #[error("{0}")]
    Limit(String),
    /// The tokenizer or image processor cannot be used.
    #[error(transparent)]
    Tokenizer(#[from] CheckpointError),
    /// A batch could not be created.
    #[error("{}", reason(.0))]
    Batch(#[from] candle_core::Error),
    /// The file could not be read.
    #[error("{path}: {source}")]
    Io {
        /// Path or name of the file or folder.
        path: String,
        /// Error of the operating system.
        source: std::io::Error,
    },
}
