//! `GET /livez`, `GET /readyz` and `GET /metrics`

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::AppState;
use super::problem::{Problem, ProblemCode};
use super::worker_face::page;
use crate::telemetry::metric;

/// Whether the process answers.
#[utoipa::path(
    get, path = "/livez", tag = "service", operation_id = "livez",
    security(()),
    responses((status = 200, description = "It does", body = String, content_type = "text/plain"))
)]
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// Whether jobs can be accepted and files stored.
#[utoipa::path(
    get, path = "/readyz", tag = "service", operation_id = "readyz",
    security(()),
    responses((status = 200, description = "They can", body = String, content_type = "text/plain"))
)]
pub(crate) async fn readyz(State(state): State<AppState>) -> Result<&'static str, Problem> {
    let unavailable = |what: &str, error: &dyn std::fmt::Display| {
        tracing::warn!(%error, what, "not ready");
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ProblemCode::Unavailable,
            format!("{what} does not answer; the service's log tells why"),
        )
    };
    state
        .jobs
        .ping()
        .await
        .map_err(|error| unavailable("the job store", &error))?;
    state
        .artifacts
        .probe()
        .await
        .map_err(|error| unavailable("the artifact store", &error))?;
    Ok("ok\n")
}

/// Metrics for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "service", operation_id = "metrics",
    security(("api_key" = ["admin"])),
    responses((status = 200, description = "In Prometheus' text format", body = String, content_type = "text/plain"))
)]
pub(crate) async fn metrics(State(state): State<AppState>) -> Result<Response, Problem> {
    let depth = state.jobs.depth().await?;
    metrics::gauge!(metric::JOBS_QUEUED).set(depth.queued as f64);
    metrics::gauge!(metric::JOBS_RUNNING).set(depth.running as f64);
    metrics::gauge!(metric::OLDEST_QUEUED_SECONDS).set(depth.oldest_queued_ms as f64 / 1e3);
    Ok(page(&state.metrics))
}
