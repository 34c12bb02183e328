//! Why a job cannot continue: a closed list of codes, and a message for people.
//!
//! The codes are part of the API contract (`openapi.yaml` lists them). The detail names what is
//! wrong and how to fix it, and never contains internal information.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::stage::Stage;
use crate::checkpoint::error::reason;

/// The reasons for which a job stops. The list is closed, so that clients may match on it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A field of the recipe is outside its range.
    InvalidRecipe,
    /// The target is not a percentage strictly between 0 % and 100 %.
    InvalidTarget,
    /// Even the smallest model that the units allow costs more than the target.
    TargetUnreachable,
    /// The model or data file was not found, or its URI is outside the allowed roots.
    SourceNotFound,
    /// The host of the model or data is unavailable.
    SourceUnavailable,
    /// The downloaded content differs from what its host announced.
    SourceMismatch,
    /// The architecture is not supported.
    UnsupportedModel,
    /// Only formats that can run code (pickle) were found.
    UnsafeFormat,
    /// The checkpoint is truncated, contradicts itself, does not match its config or contains NaN.
    InvalidCheckpoint,
    /// The tokenizer is missing or cannot be read.
    InvalidTokenizer,
    /// The data file is empty, lacks a column, or holds a row that cannot be read.
    InvalidData,
    /// A limit of the service (file size, tensor count, rows) is exceeded.
    LimitExceeded,
    /// The disk is full.
    StorageFull,
    /// The store of results is unavailable or rejects requests.
    StorageUnavailable,
    /// Reading or writing failed for another reason on the machine.
    StorageError,
    /// The deadline passed.
    DeadlineExceeded,
    /// A client canceled the job.
    Canceled,
    /// The process of the job needed more memory than it may use.
    OutOfMemory,
    /// The process of the job ended unexpectedly.
    Crashed,
    /// Several attempts ended without a result because the worker died during each of them.
    AttemptsExhausted,
    /// An internal error: a bug in `optin`.
    Internal,
}

impl Code {
    /// Whether the same recipe may succeed later without changes.
    #[must_use]
    pub fn retryable(self) -> bool {
        matches!(
            self,
            Self::SourceUnavailable
                | Self::SourceMismatch
                | Self::StorageFull
                | Self::StorageUnavailable
                | Self::StorageError
                | Self::OutOfMemory
                | Self::Crashed
                | Self::AttemptsExhausted
                | Self::DeadlineExceeded
                | Self::Internal
        )
    }

    /// Whether a service outside the worker is unavailable. The job then waits until the service returns, and the
    /// failure does not count as an attempt.
    #[must_use]
    pub fn is_outage(self) -> bool {
        matches!(self, Self::SourceUnavailable | Self::StorageUnavailable)
    }

    /// Whether the process of the job ended without a result.
    #[must_use]
    pub fn is_crash(self) -> bool {
        matches!(self, Self::OutOfMemory | Self::Crashed)
    }

    /// Returns the code's name as used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Maximum length of an explanation, in characters. Some quote the content of files.
const MAX_DETAIL_CHARS: usize = 4_000;

/// A code with an explanation for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    /// The code, from the closed list.
    pub code: Code,
    /// What is wrong and how to fix it.
    pub detail: String,
    /// The stage in which it happened, if a stage had begun.
    pub stage: Option<Stage>,
    /// How long the service that rejected a request asks to wait before the next one (`Retry-After`).
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// Creates a failure outside any stage. The middle of a very long explanation is left out.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: shortened(detail.into()),
            stage: None,
            retry_after: None,
        }
    }

    /// Sets how long the service asks to wait before the next request.
    #[must_use]
    pub fn again_after(self, pause: Option<Duration>) -> Self {
        Self {
            retry_after: pause,
            ..self
        }
    }

    /// Sets the stage, unless one is set already.
    #[must_use]
    pub fn in_stage(mut self, stage: Stage) -> Self {
        self.stage.get_or_insert(stage);
        self
    }
}

fn shortened(detail: String) -> String {
    const HALF: usize = MAX_DETAIL_CHARS / 2;
    let (Some((first, _)), Some((last, _))) = (
        detail.char_indices().nth(HALF),
        detail.char_indices().nth_back(HALF),
    ) else {
        return detail;
    };
    match last > first {
        true => format!("{} .. {}", &detail[..first], &detail[last..]),
        false => detail,
    }
}

impl From<candle_core::Error> for Failure {
    /// Maps an error of tensor arithmetic to a code. Shapes are checked beforehand, so the only expected error is that
    /// the device runs out of memory. Any other error is a bug in `optin`.
    fn from(error: candle_core::Error) -> Self {
        let reason = reason(&error);
        match is_out_of_memory(&reason) {
            true => Self::new(
                Code::LimitExceeded,
                "not enough memory on the device for this model and these rows; use fewer rows (max_samples, \
                 scoring_samples) or a device with more memory",
            ),
            false => Self::new(
                Code::Internal,
                format!(
                    "tensor arithmetic failed ({reason}); this is a bug in optin, please report it"
                ),
            ),
        }
    }
}

/// Whether a device's allocation failed. The words are those of CUDA's driver and libraries.
fn is_out_of_memory(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    ["out of memory", "out_of_memory"]
        .iter()
        .any(|words| reason.contains(words))
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::new(
                Code::StorageFull,
                format!("the disk is full: {error}; free some space and retry"),
            ),
            _ => Self::new(
                Code::StorageError,
                format!("reading or writing failed: {error}"),
            ),
        }
    }
}
