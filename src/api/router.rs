//! Every route, and the layers around all of them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use tower::Layer;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use super::access::Operations;
use super::artifact_path::encode_name;
use super::guard::{Guard, guard};
use super::limits::Meter;
use super::problem::{Logged, Problem, ProblemCode};
use super::timeout::timeout;
use super::{
    AppState, artifacts, audit, blobs, capabilities, document, events, frontier, health, jobs,
    keys, measure, uploads, webhooks,
};
use crate::job::trace::TraceParent;

/// Maximum size of a request body.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Header with the id of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Header with the trace of a request (W3C Trace Context).
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

tokio::task_local! {
    static CURRENT: String;
    static TRACE: TraceParent;
}

/// A child of the trace of the current request.
pub(super) fn current_trace() -> Option<TraceParent> {
    TRACE.try_with(TraceParent::child).ok()
}

/// The id of the current request.
pub(super) fn current_request_id() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Gives a future that runs in another task the id and trace of the current request.
pub(super) fn with_request_id<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let trace = TRACE
        .try_with(Clone::clone)
        .unwrap_or_else(|_| TraceParent::fresh());
    CURRENT.scope(
        current_request_id().unwrap_or_default(),
        TRACE.scope(trace, work),
    )
}

/// The documented routes.
pub(super) fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(document::head())
        .routes(routes!(jobs::create::create, jobs::list::list))
        .routes(routes!(jobs::estimate::estimate))
        .routes(routes!(jobs::get::get, jobs::delete::delete))
        .routes(routes!(jobs::cancel::cancel))
        .routes(routes!(jobs::retry::retry))
        .routes(routes!(jobs::resolve::resolve))
        .routes(routes!(frontier::get))
        .routes(routes!(events::list))
        .routes(routes!(events::stream))
        .routes(routes!(artifacts::list))
        .routes(routes!(artifacts::get))
        .routes(routes!(artifacts::url))
        .routes(routes!(blobs::get))
        .routes(routes!(uploads::create::create, uploads::list::list))
        .routes(routes!(uploads::complete::complete))
        .routes(routes!(uploads::manage::get, uploads::manage::delete))
        .routes(routes!(uploads::content::put))
        .routes(routes!(webhooks::create::create, webhooks::manage::list))
        .routes(routes!(
            webhooks::manage::get,
            webhooks::manage::change,
            webhooks::manage::delete
        ))
        .routes(routes!(webhooks::deliveries::list))
        .routes(routes!(webhooks::deliveries::test))
        .routes(routes!(webhooks::deliveries::redeliver))
        .routes(routes!(keys::create::create, keys::list::list))
        .routes(routes!(keys::revoke::revoke))
        .routes(routes!(audit::list))
        .routes(routes!(capabilities::capabilities))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
}

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
    };
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
        // The root leads to the documentation for a browser.
        .route(
            "/",
            routing::get(|| async { axum::response::Redirect::to("/docs/") }),
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

/// Gives every request an id: the one in its header if that is well-formed, or a new one.
async fn identify(mut request: Request, next: Next) -> Response {
    let well_formed = |id: &&str| {
        !id.is_empty()
            && id.len() <= 64
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let given = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(well_formed);
    let id = given.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
    if let Ok(value) = id.parse() {
        request.headers_mut().insert(REQUEST_ID, value);
    }
    let trace = traced(&request).unwrap_or_else(TraceParent::fresh);
    if let Ok(value) = trace.to_string().parse() {
        request.headers_mut().insert(TRACE_PARENT, value);
    }
    let answered = TRACE.scope(trace, next.run(request));
    let mut response = CURRENT.scope(id.clone(), answered).await;
    if let Ok(value) = id.parse() {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    Problem::internal(&format!("panic: {}", text.unwrap_or("unknown"))).into_response()
}

/// The trace in the headers of a request.
fn traced(request: &Request) -> Option<TraceParent> {
    TraceParent::parse(request.headers().get(&TRACE_PARENT)?.to_str().ok()?)
}

fn span(request: &Request) -> tracing::Span {
    let trace = traced(request);
    let trace_id = trace.as_ref().map_or("", TraceParent::trace_id);
    let id = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    // Without the query, which may hold a signature.
    tracing::info_span!("http", method = %request.method(), path = request.uri().path(), request_id = id, trace_id)
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
