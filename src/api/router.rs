//! The complete HTTP API: every route, and the layers around all of them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use tower::Layer;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use utoipa_swagger_ui::SwaggerUi;

use super::access::Operations;
use super::admission::{admit, require_host};
use super::artifact_path::encode_name;
use super::guard::{Guard, guard};
use super::limits::Meter;
use super::problem::{Logged, Problem, ProblemCode};
use super::request::{identify, span};
use super::routes::documented;
use super::state::AppState;
use super::timeout::timeout;
use super::{document, measure};

/// Maximum size of a request body.
const MAX_BODY_BYTES: usize = 1 << 20;

/// The complete HTTP API.
pub fn router(state: AppState) -> Router {
    let (routes, document) = documented().split_for_parts();
    let document = Arc::new(document::complete(document, &state.public_url));
    let yaml = Arc::clone(&document);
    let meter = Arc::new(Meter::new(state.limits.clone()));
    let guarding = Guard {
        state: state.clone(),
        operations: Arc::new(Operations::of(&document)),
        meter: Arc::clone(&meter),
        known: Arc::default(),
    };
    let admitting = Arc::clone(&meter);
    let routed = routes
        .route_layer(middleware::from_fn_with_state(guarding, guard))
        .route_layer(middleware::from_fn_with_state(meter, timeout))
        .route(
            "/openapi.json",
            routing::get(move || async move { Json(document.as_ref()).into_response() }),
        )
        .route(
            "/openapi.yaml",
            routing::get(move || async move {
                let text = document::yaml(&yaml);
                ([(header::CONTENT_TYPE, "application/yaml")], text)
            }),
        )
        .merge(SwaggerUi::new("/docs").config(utoipa_swagger_ui::Config::from("/openapi.json")))
        .fallback(|| async { Problem::not_found("path not found; /docs lists all paths") })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                ProblemCode::MethodNotAllowed,
                "the path does not support this method; the header Allow lists the supported methods",
            )
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .route_layer(middleware::from_fn(measure::measure))
        .layer(middleware::from_fn_with_state(admitting, admit))
        .layer(middleware::from_fn(require_host))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_response(log),
        )
        .layer(middleware::from_fn(identify))
        .with_state(state);
    // The layers of a router run after it has matched the path, so the path is rewritten around it.
    Router::new().fallback_service(MapRequestLayer::new(encode_name).layer(routed))
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    Problem::internal(&format!("panic: {}", text.unwrap_or("unknown"))).into_response()
}

/// Logs a response. The span adds method, path and request id.
fn log(response: &Response, took: Duration, _: &tracing::Span) {
    let status = response.status();
    let (code, ms) = (status.as_u16(), took.as_millis() as u64);
    let problem = response.extensions().get::<Logged>();
    let (problem, detail) = problem.map_or(("", ""), |problem| (problem.code, &problem.detail));
    if status.is_server_error() {
        tracing::warn!(status = code, problem, detail, ms, "the request failed");
    } else if status.is_client_error() {
        tracing::info!(
            status = code,
            problem,
            detail,
            ms,
            "the request was rejected"
        );
    } else {
        tracing::debug!(status = code, ms, "the request succeeded");
    }
}
