//! Conversion of the errors of model and data files to failures with a code.

use super::failure::{Code, Failure};
use crate::checkpoint::error::CheckpointError;
use crate::data::error::DataError;

impl From<CheckpointError> for Failure {
    fn from(error: CheckpointError) -> Self {
        let code = match error {
            CheckpointError::NotFound(_) => Code::SourceNotFound,
            CheckpointError::UnsupportedModel(_) => Code::UnsupportedModel,
            CheckpointError::UnsafeFormat(_) => Code::UnsafeFormat,
            CheckpointError::Invalid(_) => Code::InvalidCheckpoint,
            CheckpointError::Tokenizer(_) => Code::InvalidTokenizer,
            CheckpointError::Limit(_) => Code::LimitExceeded,
            CheckpointError::Io { .. } => Code::StorageError,
        };
        Self::new(code, error.to_string())
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        let code = match error {
            DataError::NotFound(_) => Code::SourceNotFound,
            DataError::Invalid(_) => Code::InvalidData,
            DataError::Limit(_) => Code::LimitExceeded,
            DataError::Tokenizer(error) => return error.into(),
            DataError::Batch(error) => return error.into(),
            DataError::Io { .. } => Code::StorageError,
        };
        Self::new(code, error.to_string())
    }
}
