//! Conversion of the errors of model and data files to failures with a code.

use std::io::{self, ErrorKind};

use super::failure::{Code, Failure};
use crate::checkpoint::error::CheckpointError;
use crate::data::error::DataError;

impl From<CheckpointError> for Failure {
    fn from(error: CheckpointError) -> Self {
        let detail = error.to_string();
        let code = match error {
            CheckpointError::NotFound(_) => Code::SourceNotFound,
            CheckpointError::UnsupportedModel(_) => Code::UnsupportedModel,
            CheckpointError::UnsafeFormat(_) => Code::UnsafeFormat,
            CheckpointError::Invalid(_) => Code::InvalidCheckpoint,
            CheckpointError::Tokenizer(_) => Code::InvalidTokenizer,
            CheckpointError::Limit(_) => Code::LimitExceeded,
            CheckpointError::Io { path, source } => {
                return unread(&path, &source, Code::InvalidCheckpoint);
            }
        };
        Self::new(code, detail)
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        let detail = error.to_string();
        let code = match error {
            DataError::NotFound(_) => Code::SourceNotFound,
            DataError::Invalid(_) => Code::InvalidData,
            DataError::Limit(_) => Code::LimitExceeded,
            DataError::Tokenizer(error) => return error.into(),
            DataError::Batch(error) => return error.into(),
            DataError::Io { path, source } => return unread(&path, &source, Code::InvalidData),
        };
        Self::new(code, detail)
    }
}

/// Returns the failure for a file that cannot be read. Some reasons are those of the file, and not of the machine;
/// `invalid` is the code for them.
fn unread(path: &str, source: &io::Error, invalid: Code) -> Failure {
    let (code, what) = match source.kind() {
        ErrorKind::IsADirectory => (invalid, "is a folder; it must be a file"),
        ErrorKind::InvalidInput => (invalid, "is not a regular file; copy its content into one"),
        ErrorKind::NotADirectory => (invalid, "is below a file; it must be in a folder"),
        // An error of this process and not of the operating system.
        ErrorKind::PermissionDenied if source.raw_os_error().is_none() => (
            Code::SourceNotFound,
            "leads to a file that this service may not read; copy the file into the folder in place of a link",
        ),
        ErrorKind::UnexpectedEof => (invalid, "ends too early; copy it again"),
        _ => return Failure::new(Code::StorageError, format!("{path}: {source}")),
    };
    Failure::new(code, format!("{path} {what}"))
}
