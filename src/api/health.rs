//! `GET /livez`, `GET /readyz` and `GET /metrics`

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::PrometheusHandle;

use super::problem::{Problem, ProblemCode};
use super::state::AppState;
use crate::artifact::store::PROBE_LIMIT;
use crate::telemetry::metric;
use crate::telemetry::pulse::Pulses;

/// Paths of the probes, which are answered even if all connections are in use.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// Whether a path is that of a probe.
pub(super) fn is_probe(path: &str) -> bool {
    PROBES.contains(&path)
}

/// Checks whether the process is alive.
///
/// Returns 503 with the code `unavailable` if a background task of the process hangs: a worker, the clean-up or the
/// webhook delivery. Restart the process in that case. This operation requires no API key and is not rate limited.
#[utoipa::path(
    get, path = "/livez", tag = "service", operation_id = "livez",
    security(()),
    responses((status = 200, description = "The process is alive", body = String, content_type = "text/plain"))
)]
pub(crate) async fn livez(State(state): State<AppState>) -> Result<&'static str, Problem> {
    alive(&state.pulses)
}

/// Checks that no background task hangs. A restart is the only remedy.
pub(super) fn alive(pulses: &Pulses) -> Result<&'static str, Problem> {
    let hanging = pulses.hanging();
    if hanging.is_empty() {
        return Ok("ok\n");
    }
    let hanging = hanging.join(", ");
    tracing::error!(hanging, "a background task hangs; restart the process");
    Err(Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        ProblemCode::Unavailable,
        format!("a background task hangs: {hanging}; restart the process"),
    ))
}

/// Checks whether the database and the artifact store work.
///
/// Writes to the database and to the artifact store. Returns 503 with the code `unavailable` if one of them fails or
/// does not respond within 5 seconds. This operation requires no API key and is not rate limited.
#[utoipa::path(
    get, path = "/readyz", tag = "service", operation_id = "readyz",
    security(()),
    responses((status = 200, description = "The service can accept jobs and store files", body = String, content_type = "text/plain"))
)]
pub(crate) async fn readyz(State(state): State<AppState>) -> Result<&'static str, Problem> {
    let unavailable = |what: &str, error: &dyn std::fmt::Display| {
        tracing::warn!(%error, what, "not ready");
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ProblemCode::Unavailable,
            format!("{what} is unavailable; the log of the service has the reason"),
        )
    };
    match tokio::time::timeout(PROBE_LIMIT, state.jobs.ping()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(unavailable("the job store", &error)),
        Err(late) => return Err(unavailable("the job store", &late)),
    }
    state
        .health
        .check(Duration::ZERO)
        .await
        .map_err(|outage| unavailable("the artifact store", &outage.error))?;
    Ok("ok\n")
}

/// Returns metrics for Prometheus.
///
/// This operation is not rate limited. A key with the scope `admin` also works.
#[utoipa::path(
    get, path = "/metrics", tag = "service", operation_id = "metrics",
    security(("api_key" = ["metrics"])),
    responses((status = 200, description = "Metrics in the Prometheus text format", body = String, content_type = "text/plain"))
)]
pub(crate) async fn metrics(State(state): State<AppState>) -> Result<Response, Problem> {
    let depth = state.jobs.depth().await?;
    metrics::gauge!(metric::JOBS_QUEUED).set(depth.queued as f64);
    metrics::gauge!(metric::JOBS_RUNNING).set(depth.running as f64);
    metrics::gauge!(metric::OLDEST_QUEUED_SECONDS).set(depth.oldest_queued_ms as f64 / 1e3);
    Ok(page(&state.metrics))
}

/// The metrics page.
pub(super) fn page(metrics: &PrometheusHandle) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        metrics.render(),
    )
        .into_response()
}
