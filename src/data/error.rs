//! Why a data file cannot be used.

use crate::checkpoint::error::CheckpointError;

/// What is wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file is not there.
    #[error("the data file {0} is not there")]
    NotFound(String),
    /// The file, a column or a row is malformed.
    #[error("{0}")]
    Invalid(String),
    /// Larger than the limits allow.
    #[error("{0}")]
    Limit(String),
    /// The tokenizer failed.
    #[error(transparent)]
    Tokenizer(#[from] CheckpointError),
    /// Reading failed.
    #[error("{path}: {source}")]
    Io {
        /// What was being read.
        path: String,
        /// Why it failed.
        source: std::io::Error,
    },
}
