//! Health and metrics of a worker process.

use axum::http::StatusCode;
use axum::{Router, middleware, routing};
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use std::time::Duration;

use super::admission::require_host;
use super::health::{alive, page};
use crate::artifact::health::Health;
use crate::artifact::store::PROBE_LIMIT;
use crate::job::store::JobStore;
use crate::telemetry::pulse::Pulses;

/// The routes `/livez`, `/readyz` and `/metrics`. They require no API key, so the address must not be public.
pub fn worker_routes(
    jobs: Arc<dyn JobStore>,
    health: Health,
    pulses: Pulses,
    metrics: PrometheusHandle,
) -> Router {
    let ready = move || async move {
        let answers = match tokio::time::timeout(PROBE_LIMIT, jobs.ping()).await {
            Err(late) => Err(late.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Ok(Ok(())) => health
                .check(Duration::ZERO)
                .await
                .map_err(|outage| outage.error.to_string()),
        };
        match answers {
            Ok(()) => Ok("ok\n"),
            Err(error) => {
                tracing::warn!(%error, "not ready");
                Err((
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the database or the artifact store is unavailable; the log has the reason\n",
                ))
            }
        }
    };
    Router::new()
        .route(
            "/livez",
            routing::get(move || async move { alive(&pulses) }),
        )
        .route("/readyz", routing::get(ready))
        .route(
            "/metrics",
            routing::get(move || async move { page(&metrics) }),
        )
        .layer(middleware::from_fn(require_host))
}
