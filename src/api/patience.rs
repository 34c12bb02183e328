//! A request is answered within a time, or told that it was not.
//!
//! What streams after its head (files, events) is not under it: that ends with its reader.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::jobs::get::MOST_SECONDS;
use super::limits::Meter;
use super::problem::{Problem, ProblemCode};

/// The route that may wait for a job to change.
const LONG_POLL: &str = "/v1/jobs/{id}";

pub(super) async fn patience(
    State(meter): State<Arc<Meter>>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let waits = route.is_some_and(|route| route.as_str() == LONG_POLL);
    let wait = Duration::from_secs(if waits { MOST_SECONDS } else { 0 });
    let time = meter.time() + wait;
    match tokio::time::timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ProblemCode::TimedOut,
            format!(
                "no answer within {} s; what was asked may still happen, so send it again with the same Idempotency-Key",
                time.as_secs()
            ),
        )
        .into_response(),
    }
}
