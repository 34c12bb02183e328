//! Reasons why the decoding of a file stops.

use parquet::errors::ParquetError;

use crate::data::error::DataError;

/// Reason why the decoding of a file stops.
pub(super) enum Stop {
    /// The file is malformed.
    Unreadable,
    /// The decompressed data is too large.
    TooLarge,
    /// There are too many rows or fields.
    Limit(DataError),
}

impl From<ParquetError> for Stop {
    fn from(_: ParquetError) -> Self {
        Self::Unreadable
    }
}
