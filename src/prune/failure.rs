//! Why a job cannot go on: a closed list of codes, and words for the person who reads them.
//!
//! The codes are part of the contract (they stand in `openapi.yaml`); the detail names the thing
//! that is wrong and the remedy, and never holds anything internal.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::stage::Stage;
use crate::checkpoint::error::reason;

/// The reasons for which the core stops. Closed: a client may match on them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A field of the recipe is out of its range.
    InvalidRecipe,
    /// The target is no percentage strictly between 0 % and 100 %.
    InvalidTarget,
    /// Even the smallest model that the units allow costs more than the target.
    TargetUnreachable,
    /// The model or data file is not there, or its URI is outside the allowed roots.
    SourceNotFound,
    /// The place that keeps the model or data does not answer now.
    SourceUnavailable,
    /// What arrived is not what the place that keeps it announced.
    SourceMismatch,
    /// The architecture is not one that we know.
    UnsupportedModel,
    /// Only formats that can run code (pickle) were found.
    UnsafeFormat,
    /// The checkpoint is truncated, lies about itself, does not fit its config or holds NaN.
    InvalidCheckpoint,
    /// The tokenizer is missing or cannot be read.
    InvalidTokenizer,
    /// The data file is empty, lacks a column, or holds a row that cannot be read.
    InvalidData,
    /// A limit of the service (file size, tensor count, rows) is exceeded.
    LimitExceeded,
    /// The disk is full.
    StorageFull,
    /// The store of results does not answer now, or refuses.
    StorageUnavailable,
    /// Reading or writing failed for another reason of the machine.
    StorageError,
    /// The deadline passed.
    DeadlineExceeded,
    /// Someone asked to stop.
    Canceled,
    /// Several attempts ended without a result (the worker died in each).
    AttemptsExhausted,
    /// A fault of ours.
    Internal,
}

impl Code {
    /// Whether the same recipe may succeed later without a change.
    #[must_use]
    pub fn retryable(self) -> bool {
        matches!(
            self,
            Self::SourceUnavailable
                | Self::SourceMismatch
                | Self::StorageFull
                | Self::StorageUnavailable
                | Self::StorageError
                | Self::AttemptsExhausted
                | Self::DeadlineExceeded
                | Self::Internal
        )
    }

    /// Whether a place outside the worker is away: the job waits for its return, and no attempt is spent.
    #[must_use]
    pub fn is_outage(self) -> bool {
        matches!(self, Self::SourceUnavailable | Self::StorageUnavailable)
    }

    /// The code as it is written in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A reason to stop, told to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    /// The closed code.
    pub code: Code,
    /// What is wrong and what to do about it.
    pub detail: String,
    /// The stage in which it happened, where one had begun.
    pub stage: Option<Stage>,
    /// When the place that refused asks to be asked again (`Retry-After`).
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure outside any stage.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            stage: None,
            retry_after: None,
        }
    }

    /// The same failure, of a place that asks to be asked again after this time.
    #[must_use]
    pub fn again_after(self, pause: Option<Duration>) -> Self {
        Self {
            retry_after: pause,
            ..self
        }
    }

    /// The same failure, placed in a stage unless it already is in one.
    #[must_use]
    pub fn in_stage(mut self, stage: Stage) -> Self {
        self.stage.get_or_insert(stage);
        self
    }
}

impl From<candle_core::Error> for Failure {
    /// Tensor arithmetic on checked shapes does not fail, unless the device has no memory left; where it does, the
    /// fault is ours.
    fn from(error: candle_core::Error) -> Self {
        let reason = reason(&error);
        match is_out_of_memory(&reason) {
            true => Self::new(
                Code::LimitExceeded,
                "the device has not enough memory for this model and these rows; take fewer (max_samples, \
                 scoring_samples) or a device with more",
            ),
            false => Self::new(
                Code::Internal,
                format!(
                    "tensor arithmetic failed ({reason}); this is a fault of optin, please report it"
                ),
            ),
        }
    }
}

/// Whether a device's allocator gave up, in the words of CUDA's driver and libraries.
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
