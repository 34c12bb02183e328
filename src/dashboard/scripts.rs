//! The API for the scripts of the pages: `/session/v1/...` is `/v1/...` with the API key of the session.
//!
//! The API itself accepts no cookies.

use axum::body::Body;
use axum::extract::{FromRef, Request};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use std::sync::Arc;

use super::api::{Api, Visitor};
use super::session::Sessions;

/// Start of the paths.
const PREFIX: &str = "/session";

/// Headers that scripts may send.
const HEADERS: [HeaderName; 5] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("last-event-id"),
];

/// The route of the API for scripts.
pub(crate) fn route<S>() -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Api: FromRef<S>,
    Arc<Sessions>: FromRef<S>,
{
    any(forward)
}

async fn forward(visitor: Visitor, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let path = path.strip_prefix(PREFIX).unwrap_or_default();
    let mut headers = HeaderMap::new();
    for name in &HEADERS {
        if let Some(value) = parts.headers.get(name) {
            headers.insert(name, value.clone());
        }
    }
    let answer = visitor
        .send(parts.method, path, headers, Body::new(body))
        .await;
    answer.unwrap_or_else(IntoResponse::into_response)
}
