//! Errors on the wire: RFC 9457 `application/problem+json` with a closed list of codes.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::job::store::StoreError;
use crate::prune::failure::{Code, Failure};

/// What went wrong with a request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// A URI of the kind of problem: `about:blank`, the code tells more.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The status in words.
    title: String,
    /// The HTTP status.
    #[schema(example = 404, minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong and what to do about it.
    detail: String,
    /// A closed list; clients may match on it.
    code: ProblemCode,
    /// Names this request in the service's log; also the header `x-request-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// Which parts of the request are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// Seconds after which it makes sense to ask again: a header.
    #[serde(skip)]
    retry_after: Option<u16>,
}

/// One wrong part of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FieldError {
    /// JSON pointer into the body, or the name of a parameter.
    #[schema(example = "/target/value")]
    pub(super) pointer: String,
    /// What is wrong with it.
    pub(super) detail: String,
}

/// Why a request, or a job, cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ProblemCode {
    /// A parameter or a header is malformed.
    InvalidRequest,
    /// The body is no JSON.
    InvalidJson,
    /// The body is JSON, but a field is missing, unknown or out of range.
    ValidationFailed,
    /// No valid API key was shown.
    Unauthenticated,
    /// The API key does not allow this.
    Forbidden,
    /// No such thing.
    NotFound,
    /// It was there, and is no more.
    Gone,
    /// The thing is there, but not with this method.
    MethodNotAllowed,
    /// The body's media type is not `application/json`.
    UnsupportedMediaType,
    /// The body is too large.
    PayloadTooLarge,
    /// The job's state does not allow this.
    Conflict,
    /// The `Idempotency-Key` was used with another body.
    IdempotencyKeyReused,
    /// The caller asks more often than it may.
    RateLimited,
    /// The answer took too long.
    TimedOut,
    /// The tenant has as much of the service as it may have.
    QuotaExceeded,
    /// The download URL was never signed, or was changed.
    UrlForged,
    /// The download URL was signed for an earlier time.
    UrlExpired,
    /// The byte range lies outside the file.
    RangeNotSatisfiable,
    /// The service cannot work now.
    Unavailable,
    /// A field of the recipe is out of its range.
    InvalidRecipe,
    /// The target is no percentage strictly between 0 % and 100 %.
    InvalidTarget,
    /// The target is below what the model can be cut to.
    TargetUnreachable,
    /// The model or data is not there, or may not be read.
    SourceNotFound,
    /// The place that keeps the model or data cannot be reached now.
    SourceUnavailable,
    /// What arrived is not what the place that keeps it announced.
    SourceMismatch,
    /// The architecture is not supported.
    UnsupportedModel,
    /// Only formats that can run code were found.
    UnsafeFormat,
    /// The checkpoint is malformed.
    InvalidCheckpoint,
    /// The tokenizer is missing or malformed.
    InvalidTokenizer,
    /// The data file is malformed.
    InvalidData,
    /// A limit of the service is exceeded.
    LimitExceeded,
    /// The service's disk is full.
    StorageFull,
    /// The store of results cannot be reached now, or refuses.
    StorageUnavailable,
    /// Reading or writing failed.
    StorageError,
    /// The deadline passed.
    DeadlineExceeded,
    /// Someone asked to stop.
    Canceled,
    /// Several attempts ended without a result.
    AttemptsExhausted,
    /// A fault of the service.
    Internal,
}

impl From<Code> for ProblemCode {
    fn from(code: Code) -> Self {
        match code {
            Code::InvalidRecipe => Self::InvalidRecipe,
            Code::InvalidTarget => Self::InvalidTarget,
            Code::TargetUnreachable => Self::TargetUnreachable,
            Code::SourceNotFound => Self::SourceNotFound,
            Code::SourceUnavailable => Self::SourceUnavailable,
            Code::SourceMismatch => Self::SourceMismatch,
            Code::UnsupportedModel => Self::UnsupportedModel,
            Code::UnsafeFormat => Self::UnsafeFormat,
            Code::InvalidCheckpoint => Self::InvalidCheckpoint,
            Code::InvalidTokenizer => Self::InvalidTokenizer,
            Code::InvalidData => Self::InvalidData,
            Code::LimitExceeded => Self::LimitExceeded,
            Code::StorageFull => Self::StorageFull,
            Code::StorageUnavailable => Self::StorageUnavailable,
            Code::StorageError => Self::StorageError,
            Code::DeadlineExceeded => Self::DeadlineExceeded,
            Code::Canceled => Self::Canceled,
            Code::AttemptsExhausted => Self::AttemptsExhausted,
            Code::Internal => Self::Internal,
        }
    }
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            request_id: None,
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// A body that is JSON, but not one that we take.
    pub(super) fn invalid_field(
        pointer: impl Into<String>,
        code: ProblemCode,
        detail: impl Into<String>,
    ) -> Self {
        let detail = detail.into();
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail.clone());
        problem.errors.push(FieldError {
            pointer: pointer.into(),
            detail,
        });
        problem
    }

    pub(super) fn bad_request(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let mut problem = Self::new(
            StatusCode::BAD_REQUEST,
            ProblemCode::InvalidRequest,
            detail.clone(),
        );
        problem.errors.push(FieldError {
            pointer: pointer.into(),
            detail,
        });
        problem
    }

    /// One sentence for everything that can be wrong with a key: nobody learns which keys there are.
    pub(super) fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            ProblemCode::Unauthenticated,
            "show a valid API key, as Authorization: Bearer optk_...",
        )
    }

    /// The caller asks more often than it may; again after so many seconds.
    pub(super) fn rate_limited(detail: impl Into<String>, seconds: u16) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                ProblemCode::RateLimited,
                detail,
            )
        }
    }

    pub(super) fn gone(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, ProblemCode::Gone, detail)
    }

    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, ProblemCode::Conflict, detail)
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, ProblemCode::NotFound, detail)
    }

    /// A fault of ours: logged once, here, and not told.
    pub(super) fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ProblemCode::Internal,
            "a fault of the service; its log tells more under this request_id",
        )
    }

    /// The database is not to be had now.
    fn unavailable(error: &StoreError, detail: &str) -> Self {
        tracing::warn!(%error, "a request was refused");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ProblemCode::Unavailable,
            detail,
        )
    }

    pub(super) fn with_request_id(mut self, id: Option<String>) -> Self {
        self.request_id = id;
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let id = super::router::current_request_id();
        let retry_after = self.retry_after;
        let mut response = (status, Json(self.with_request_id(id))).into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"optin\""),
            );
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(_) | StoreError::Missing(_) => Self::not_found(error.to_string()),
            StoreError::Conflict { .. } => Self::conflict(error.to_string()),
            StoreError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                ProblemCode::IdempotencyKeyReused,
                error.to_string(),
            ),
            StoreError::QuotaExceeded { .. } | StoreError::TooMany { .. } => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                ProblemCode::QuotaExceeded,
                error.to_string(),
            ),
            StoreError::Full => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                ProblemCode::StorageFull,
                "the service's disk is full; nothing was accepted",
            ),
            StoreError::Unavailable(_) => Self::unavailable(
                &error,
                "the service's database cannot be reached; nothing was changed: try again in a while",
            ),
            StoreError::ReadOnly(_) => Self::unavailable(
                &error,
                "the service's database takes no changes now; nothing was changed: try again in a while",
            ),
            StoreError::Unanswered(_) => Self::unavailable(
                &error,
                "the service's database did not answer; the request may have been carried out: look, or repeat a POST with the same Idempotency-Key",
            ),
            StoreError::LeaseLost(_) | StoreError::Database(_) => Self::internal(&error),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let status = match failure.code {
            Code::Internal => return Self::internal(&failure),
            Code::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
            Code::StorageError
            | Code::StorageUnavailable
            | Code::SourceUnavailable
            | Code::SourceMismatch => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let pause = failure.retry_after.map(|pause| pause.as_secs().max(1));
        Self {
            retry_after: pause.map(|seconds| u16::try_from(seconds).unwrap_or(u16::MAX)),
            ..Self::new(status, failure.code.into(), failure.detail)
        }
    }
}
