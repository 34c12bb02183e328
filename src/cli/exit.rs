//! Errors of commands, with their exit codes.

use std::process::ExitCode;

use crate::prune::failure::{Code, Failure};

/// The error of a command.
#[derive(Debug, thiserror::Error)]
pub(super) enum Exit {
    /// A failure with a code, from the core, a server or the file system.
    #[error("{0}")]
    Failed(Failure),
    /// Another failure, such as a failed connection.
    #[error("{0}")]
    Broken(String),
    /// Interrupted by Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// Invalid usage.
    #[error("{0}")]
    Usage(String),
}

impl Exit {
    /// Returns the exit code: 1 failure, 2 invalid usage, 3 unreachable target, 130 interrupted.
    pub(super) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(failure) => match failure.code {
                Code::InvalidTarget | Code::InvalidRecipe => 2,
                Code::TargetUnreachable => 3,
                Code::Canceled => 130,
                _ => 1,
            },
            Self::Broken(_) => 1,
            Self::Interrupted => 130,
            Self::Usage(_) => 2,
        })
    }
}

impl From<Failure> for Exit {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<std::io::Error> for Exit {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.into())
    }
}
