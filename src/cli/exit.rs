//! Why a command ends without success, as an exit code and a sentence.

use std::process::ExitCode;

use crate::prune::failure::{Code, Failure};

/// A command that did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Exit {
    /// The work failed.
    #[error("{0}")]
    Failed(Failure),
    /// Something around the work failed.
    #[error("{0}")]
    Broken(String),
    /// Someone pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// What was asked cannot be asked.
    #[error("{0}")]
    Usage(String),
}

impl Exit {
    /// 1 failed, 2 wrong usage, 3 target unreachable, 130 interrupted.
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
