//! Reasons why the decoding of a file stops.

use parquet::errors::ParquetError;

use crate::data::error::DataError;
use crate::data::limits::Limits;

/// Reason why the decoding of a file stops.
pub(in crate::data) enum Stop {
    /// The file is malformed.
    Unreadable,
    /// The decompressed data is too large.
    TooLarge,
    /// The footer is too large.
    LongFooter,
    /// A text is too long.
    LongText,
    /// There are too many rows or fields.
    Limit(DataError),
}

impl From<ParquetError> for Stop {
    fn from(_: ParquetError) -> Self {
        Self::Unreadable
    }
}

impl From<std::io::Error> for Stop {
    fn from(_: std::io::Error) -> Self {
        Self::Unreadable
    }
}

impl Stop {
    /// Returns the error for a file with this name.
    pub(in crate::data) fn error(self, file: &str, limits: &Limits) -> DataError {
        match self {
            Self::Unreadable => DataError::Invalid(format!(
                "{file} is not a readable Parquet file; it is truncated, corrupt, or compressed with a codec other than snappy, gzip, lz4 and zstd"
            )),
            Self::TooLarge => DataError::Limit(format!(
                "{file} is too large when decompressed: the limit is {} bytes",
                limits.file_bytes
            )),
            Self::LongFooter => DataError::Limit(format!(
                "the footer of {file} is too large; write fewer columns and larger row groups"
            )),
            Self::LongText => DataError::Limit(format!(
                "{file} contains a text of more than {} bytes, which is the limit; shorten it",
                limits.row_bytes
            )),
            Self::Limit(error) => error,
        }
    }
}
