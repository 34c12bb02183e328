//! Error responses: RFC 9457 problems with a closed list of codes.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use strum::IntoStaticStr;
use utoipa::ToSchema;

use super::document::derived::derived;
use super::request::current_request_id;
use crate::artifact::sign::Refused;
use crate::job::store::StoreError;
use crate::prune::failure::{Code, Failure};

/// An error (RFC 9457). Programs should use `code`, and show `detail` to people.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Always `about:blank`; `code` identifies the error.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// Standard phrase for the HTTP status.
    #[schema(example = "Not Found")]
    title: String,
    /// HTTP status of the response.
    #[schema(example = 404, minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong, and how to correct it. The text can change between releases.
    detail: String,
    /// Code of the error.
    code: ProblemCode,
    /// Id of the request in the log of the service. Also in the header `x-request-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// Invalid parts of the request. Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// Value of the header `Retry-After`, in seconds.
    #[serde(skip)]
    retry_after: Option<u16>,
}

/// An invalid part of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FieldError {
    /// JSON pointer into the body (RFC 6901), or the name of a parameter or header.
    #[schema(example = "/target/value")]
    pub(super) pointer: String,
    /// What is wrong.
    pub(super) detail: String,
}

/// Code of an error, with its HTTP status.
///
/// The codes from `invalid_recipe` on can also be the code of the error of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(super) enum ProblemCode {
    /// A parameter or a header is invalid. Status 400.
    InvalidRequest,
    /// The body is not valid JSON. Status 400.
    InvalidJson,
    /// A field of the body is missing, unknown or invalid. `errors` names it. Status 422.
    ValidationFailed,
    /// The request has no valid API key. Status 401.
    Unauthenticated,
    /// The API key does not have the required scope. Status 403.
    Forbidden,
    /// The resource does not exist, or belongs to another tenant. Status 404.
    NotFound,
    /// The resource was removed. Status 410.
    Gone,
    /// The path does not support the method. Status 405.
    MethodNotAllowed,
    /// The body is not `application/json`. Status 415.
    UnsupportedMediaType,
    /// The body is larger than 1 MiB. Status 413.
    PayloadTooLarge,
    /// The state of the resource does not allow the operation. Status 409.
    Conflict,
    /// `If-Match` does not name the current version. Status 412.
    PreconditionFailed,
    /// The `Idempotency-Key` was used with another body within the last 24 hours. Status 422.
    IdempotencyKeyReused,
    /// The caller exceeds its rate limit, or its number of long polls and streams. Status 429, with `Retry-After`.
    RateLimited,
    /// The request took too long. It may still be carried out. Status 503.
    TimedOut,
    /// The body of the request arrived too slowly. Nothing was changed. Status 408.
    BodyStalled,
    /// The tenant has the maximum number of queued jobs, uploads or webhooks. Status 429.
    QuotaExceeded,
    /// The signature of the URL is invalid. Status 403.
    UrlInvalid,
    /// The signed URL has expired. Status 403.
    UrlExpired,
    /// The byte range is not within the file. Status 416.
    RangeNotSatisfiable,
    /// The database is temporarily unavailable, the process is not healthy, or all its connections are in use. Status 503.
    Unavailable,
    /// A number in the request of the job is out of range, or `keep_whole` is too long or names no group of the model.
    /// Status 422.
    InvalidRecipe,
    /// `target.value` or `target.tolerance` is not a percentage between 0 % and 100 %. Status 422.
    InvalidTarget,
    /// The target is below the smallest model that the constraints allow, or no selection is within the tolerance.
    /// Status 422.
    TargetUnreachable,
    /// The model or dataset does not exist, access to it is denied, its URI is not supported, or it has changed since
    /// the job was created. Status 422.
    SourceNotFound,
    /// The host of the model or dataset is temporarily unavailable. Status 503.
    SourceUnavailable,
    /// The downloaded model or dataset does not have the size or checksum that its host announced. Status 503.
    SourceMismatch,
    /// The architecture of the model is not supported. Status 422.
    UnsupportedModel,
    /// The model has weights only in formats that can execute code, such as pickle. Status 422.
    UnsafeFormat,
    /// The configuration or the weights of the model are invalid. Status 422.
    InvalidCheckpoint,
    /// The tokenizer of the model is missing or invalid. Status 422.
    InvalidTokenizer,
    /// The data file is invalid, lacks a column or contains a row that cannot be read. Status 422.
    InvalidData,
    /// The model or dataset is too large for the service, the job needs more memory than there is, or reading takes too long.
    /// Status 422.
    LimitExceeded,
    /// The database or the artifact store is out of disk space. Status 507.
    StorageFull,
    /// The artifact store is temporarily unavailable. Status 503.
    StorageUnavailable,
    /// A file could not be read or written. Status 503.
    StorageError,
    /// The deadline of the job passed. Only in `error` of a job.
    DeadlineExceeded,
    /// The job was canceled. Reserved: a canceled job has the state `canceled` and no error.
    Canceled,
    /// The process that reads the model and the data, or runs the job, needs more memory than it may use. Status 422.
    OutOfMemory,
    /// The process that reads the model and the data, or runs the job, ended unexpectedly. Status 422.
    Crashed,
    /// The maximum number of attempts was reached. Only in `error` of a job.
    AttemptsExhausted,
    /// Internal error of the service. Status 500.
    Internal,
}

derived!(ProblemCode);

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
            Code::OutOfMemory => Self::OutOfMemory,
            Code::Crashed => Self::Crashed,
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

    /// A body with an invalid field (422).
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

    /// An invalid parameter or header (400).
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

    /// A missing or invalid API key (401). The detail is always the same, so that nobody can find out which keys exist.
    pub(super) fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            ProblemCode::Unauthenticated,
            "a valid API key is required in the header Authorization: Bearer optk_...",
        )
    }

    /// A caller that exceeds a limit (429), with the seconds until a retry makes sense.
    pub(super) fn rate_limited(detail: impl Into<String>, seconds: u16) -> Self {
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self::new(status, ProblemCode::RateLimited, detail).again_after(seconds)
    }

    /// Adds the seconds until a retry makes sense.
    pub(super) fn again_after(self, seconds: u16) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    pub(super) fn gone(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, ProblemCode::Gone, detail)
    }

    /// Whether the resource was removed.
    pub(super) fn is_gone(&self) -> bool {
        self.code == ProblemCode::Gone
    }

    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, ProblemCode::Conflict, detail)
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, ProblemCode::NotFound, detail)
    }

    /// An internal error (500). The cause is logged and not returned.
    pub(super) fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "internal error");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ProblemCode::Internal,
            "internal error; the log of the service has the cause under this request_id",
        )
    }

    /// An unavailable database (503).
    fn unavailable(error: &StoreError, detail: &str) -> Self {
        tracing::warn!(%error, "the database is unavailable");
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

/// The part of a problem that the request log repeats, as an extension of the response.
#[derive(Clone, Debug)]
pub(super) struct Logged {
    pub(super) code: &'static str,
    pub(super) detail: String,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let id = current_request_id();
        let retry_after = self.retry_after;
        let logged = Logged {
            code: self.code.into(),
            detail: self.detail.clone(),
        };
        let mut response = (status, Json(self.with_request_id(id))).into_response();
        response.extensions_mut().insert(logged);
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
                "the disk of the database is full; nothing was changed",
            ),
            StoreError::Unavailable(_) => Self::unavailable(
                &error,
                "the database is unavailable; nothing was changed, so retry later",
            ),
            StoreError::ReadOnly(_) => Self::unavailable(
                &error,
                "the database is read-only at the moment; nothing was changed, so retry later",
            ),
            StoreError::Unanswered(_) => Self::unavailable(
                &error,
                "the database did not respond; the request may have been carried out, so check, or retry a POST with the same Idempotency-Key",
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

impl From<Refused> for Problem {
    fn from(why: Refused) -> Self {
        let code = match why {
            Refused::Forged => ProblemCode::UrlInvalid,
            Refused::Expired => ProblemCode::UrlExpired,
        };
        Self::new(StatusCode::FORBIDDEN, code, why.to_string())
    }
}
