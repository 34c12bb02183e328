//! Extractors that reject invalid requests with problems.

use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_ignored::Path as Ignored;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::pointer::{ignored_pointer, pointer};
use super::problem::{Problem, ProblemCode};
use super::stall::stall;
use crate::job::JobId;
use crate::job::store::IdempotencyKey;
use crate::unique_json::{self, Duplicate, Refusal};

/// A JSON body and its SHA-256.
pub(super) struct Body<T> {
    pub(super) value: T,
    pub(super) sha256: String,
}

impl<S: Send + Sync, T: DeserializeOwned + ToSchema> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "the body must be JSON with the header Content-Type: application/json";
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ProblemCode::UnsupportedMediaType,
                detail,
            ));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        let invalid = |error: &dyn std::fmt::Display| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                ProblemCode::InvalidJson,
                format!("the body is not valid JSON: {error}"),
            )
        };
        // Invalid syntax and invalid values have different codes.
        // A value has at least one byte, so the limit on the size of a body is also one on the number of values.
        let mut value =
            unique_json::parse(&bytes, bytes.len().max(1)).map_err(|refusal| match refusal {
                Refusal::Duplicate(Duplicate { pointer, .. }) => {
                    let detail =
                        format!("the property {pointer} occurs more than once; send it once");
                    Problem::invalid_field(pointer, ProblemCode::ValidationFailed, detail)
                }
                Refusal::TooMany(most) => invalid(&format!("it has more than {most} values")),
                Refusal::Syntax(error) => invalid(&error),
            })?;
        whole_numbers(&mut value);
        if holds_nul(&value) {
            return Err(Problem::invalid_field(
                "",
                ProblemCode::ValidationFailed,
                NUL.to_owned(),
            ));
        }
        Ok(Self {
            value: parsed(value)?,
            sha256: hex::encode(Sha256::digest(&bytes)),
        })
    }
}

/// Converts a body to its type. Unknown properties are rejected here and not by the types: those of the core ignore them,
/// because a recipe that a newer release stored must load.
fn parsed<T: DeserializeOwned + ToSchema>(value: Value) -> Result<T, Problem> {
    let mut unknown = None;
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
    let parsed = serde_ignored::deserialize(tracked, |path| {
        if unknown.is_none()
            && let Ignored::Map { parent, key } = &path
        {
            let known = properties::<T>(parent).join(", ");
            let detail = format!("unknown property \"{key}\"; the properties are {known}");
            unknown = Some((ignored_pointer(&path), detail));
        }
    });
    // An unknown property can be a misspelled one that is missing, so it comes first.
    let (pointer, detail) = match (unknown, parsed) {
        (Some(unknown), _) => unknown,
        (None, Ok(value)) => return Ok(value),
        (None, Err(error)) => (pointer(&track.path()), error.to_string()),
    };
    let code = ProblemCode::ValidationFailed;
    Err(Problem::invalid_field(pointer, code, detail))
}

/// Names of the properties of an object in a body.
fn properties<T: ToSchema>(path: &Ignored) -> Vec<String> {
    let schema = schema::<T>(path);
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties.map(|(name, _)| name.clone()).collect()
}

/// The schema of an object in a body.
fn schema<T: ToSchema>(path: &Ignored) -> Value {
    match path {
        Ignored::Root => json!(T::schema()),
        Ignored::Map { parent, key } => {
            let property = schema::<T>(parent)["properties"][key].take();
            // A nullable reference is an alternative.
            let alternatives = property["oneOf"].as_array().into_iter().flatten();
            let mut references = alternatives.chain([&property]);
            let reference = references.find_map(|schema| schema["$ref"].as_str());
            let name = reference.and_then(|reference| reference.rsplit('/').next());
            let mut parts = Vec::new();
            T::schemas(&mut parts);
            let part = parts.iter().find(|(part, _)| Some(part.as_str()) == name);
            json!(part.map(|(_, schema)| schema))
        }
        Ignored::Some { parent }
        | Ignored::NewtypeStruct { parent }
        | Ignored::NewtypeVariant { parent } => schema::<T>(parent),
        Ignored::Seq { .. } => Value::Null,
    }
}

/// The rejection of strings with NUL bytes. It is the same with SQLite, which could store them.
const NUL: &str = "strings must not contain NUL (U+0000), which PostgreSQL cannot store";

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(holds_nul),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

/// Rewrites numbers such as `3.0` to integers: JSON does not distinguish them, but serde does.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or(f64::NAN);
            // Above 2^53, a float does not identify an integer.
            if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 {
                *value = Value::from(float as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    media.is_some_and(|media| {
        media
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .eq_ignore_ascii_case("application/json")
    })
}

fn unread(rejection: BytesRejection) -> Problem {
    if let Some(problem) = stall(&rejection) {
        return problem;
    }
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            ProblemCode::PayloadTooLarge,
            "the body is too large; the limit is 1 MiB",
        ),
        _ => Problem::new(
            StatusCode::BAD_REQUEST,
            ProblemCode::InvalidRequest,
            "the body could not be read",
        ),
    }
}

/// The job id in a path. An invalid id is not found.
pub(super) struct Id(pub(super) JobId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Named(named) = Named::<IdPath>::from_request_parts(parts, state).await?;
        named
            .id
            .parse()
            .map(Self)
            .map_err(|error: crate::job::id::NotAJobId| Problem::not_found(error.to_string()))
    }
}

#[derive(serde::Deserialize)]
struct IdPath {
    id: String,
}

/// The parameters of a path.
pub(super) struct Named<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = Path::<T>::from_request_parts(parts, state).await;
        found
            .map(|Path(value)| Self(value))
            .map_err(|error| Problem::not_found(error.body_text()))
    }
}

/// Query parameters.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(Problem::bad_request("query", NUL));
        }
        let query = parts.uri.query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let deserializer = serde_html_form::Deserializer::new(pairs);
        serde_path_to_error::deserialize(deserializer)
            .map(Self)
            .map_err(|error| {
                let name = match error.path().iter().next() {
                    Some(serde_path_to_error::Segment::Map { key }) => key.clone(),
                    _ => "query".to_owned(),
                };
                let detail = format!("invalid query parameter \"{name}\": {}", error.into_inner());
                Problem::bad_request(name, detail)
            })
    }
}

/// Parses the header `Idempotency-Key`.
pub(super) fn idempotency_key(
    headers: &HeaderMap,
    path: &str,
    body_sha256: &str,
) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .filter(|key| !key.is_empty() && key.len() <= 255);
    let key = key.ok_or_else(|| {
        Problem::bad_request(
            "Idempotency-Key",
            "Idempotency-Key must have 1 to 255 visible ASCII characters",
        )
    })?;
    // Keys are scoped to the path: the same key with another path is another request.
    Ok(Some(IdempotencyKey {
        key: format!("{path} {key}"),
        body_sha256: body_sha256.to_owned(),
    }))
}
