//! Request timeouts.
//!
//! The timeout covers the time to the response headers. Downloads and event streams may take longer. Contents of uploads
//! may too: they have a minimum speed instead.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::jobs::get::MAX_WAIT_SECONDS;
use super::limits::Meter;
use super::problem::{Problem, ProblemCode};

/// The route with long polls.
const LONG_POLL: &str = "/v1/jobs/{id}";

/// The routes that receive contents of uploads.
const CONTENTS: [&str; 2] = [
    "/v1/blobs/uploads/{tenant}/{id}",
    "/v1/blobs/upload-parts/{tenant}/{id}/{number}",
];

pub(super) async fn timeout(
    State(meter): State<Arc<Meter>>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("", MatchedPath::as_str);
    if CONTENTS.contains(&route) {
        return next.run(request).await;
    }
    let waits = route == LONG_POLL;
    let wait = Duration::from_secs(if waits { MAX_WAIT_SECONDS } else { 0 });
    let time = meter.time() + wait;
    match tokio::time::timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ProblemCode::TimedOut,
            format!(
                "timeout after {} s; the request may still be carried out, so retry it with the same Idempotency-Key",
                time.as_secs()
            ),
        )
        .into_response(),
    }
}
