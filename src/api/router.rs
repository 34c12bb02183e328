//! Every route, and what surrounds all of them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use super::access::Needs;
use super::guard::{Guard, guard};
use super::limits::Meter;
use super::patience::patience;
use super::problem::{Problem, ProblemCode};
use super::{
    AppState, artifacts, audit, blobs, capabilities, document, events, frontier, health, jobs,
    keys, measure, uploads, webhooks,
};
use crate::job::trace::TraceParent;

/// Largest body of a request.
const BODY_BYTES: usize = 1 << 20;

/// Names a request in headers, problems and the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The trace of a request (W3C Trace Context).
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

tokio::task_local! {
    static CURRENT: String;
    static TRACE: TraceParent;
}

/// The trace that what this task does belongs to.
pub(super) fn current_trace() -> Option<TraceParent> {
    TRACE.try_with(TraceParent::child).ok()
}

/// The id of the request that this task answers.
pub(super) fn current_request_id() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// The same work in another task, for the same request.
pub(super) fn with_request_id<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let trace = TRACE
        .try_with(Clone::clone)
        .unwrap_or_else(|_| TraceParent::fresh());
    CURRENT.scope(
        current_request_id().unwrap_or_default(),
        TRACE.scope(trace, work),
    )
}

/// Routes with their entries in the document.
pub(super) fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(document::head())
        .routes(routes!(jobs::create::create, jobs::list::list))
        .routes(routes!(jobs::estimate::estimate))
        .routes(routes!(jobs::get::get, jobs::delete::delete))
        .routes(routes!(jobs::cancel::cancel))
        .routes(routes!(jobs::retry::retry))
        .routes(routes!(jobs::resolve::resolve))
        .routes(routes!(frontier::get))
        .routes(routes!(events::events))
        .routes(routes!(artifacts::list))
        .routes(routes!(artifacts::get))
        .routes(routes!(blobs::get))
        .routes(routes!(uploads::create::create))
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

/// The whole face.
pub fn router(state: AppState) -> Router {
    let (routes, _) = documented().split_for_parts();
    let document = document::openapi();
    let (served, yaml) = (document.clone(), document.clone());
    let meter = Arc::new(Meter::new(state.limits.clone()));
    let guarding = Guard {
        state: state.clone(),
        needs: Arc::new(Needs::of(&document)),
        meter: Arc::clone(&meter),
    };
    routes
        .route_layer(middleware::from_fn_with_state(guarding, guard))
        .route_layer(middleware::from_fn_with_state(meter, patience))
        .route(
            "/openapi.json",
            routing::get(move || async move { Json(served) }),
        )
        .route(
            "/openapi.yaml",
            routing::get(move || async move {
                match yaml.to_yaml() {
                    Ok(text) => {
                        ([(header::CONTENT_TYPE, "application/yaml")], text).into_response()
                    }
                    Err(error) => Problem::internal(&error).into_response(),
                }
            }),
        )
        // Who opens the bare address in a browser sees what is there.
        .route(
            "/",
            routing::get(|| async { axum::response::Redirect::to("/docs/") }),
        )
        .merge(SwaggerUi::new("/docs").config(utoipa_swagger_ui::Config::from("/openapi.json")))
        .fallback(|| async { Problem::not_found("there is no such path; /docs lists them all") })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                ProblemCode::MethodNotAllowed,
                "this path does not take this method; the header Allow lists those that it takes",
            )
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .route_layer(middleware::from_fn(measure::measure))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_response(log),
        )
        .layer(middleware::from_fn(identify))
        .with_state(state)
}

/// Every request has an id: its caller's, when that is a plain one, or a fresh one.
async fn identify(mut request: Request, next: Next) -> Response {
    let plain = |id: &&str| {
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
        .filter(plain);
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
    Problem::internal(&format!("a panic: {}", text.unwrap_or("without words"))).into_response()
}

/// The trace that a request names.
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
    // The path alone: a query may hold a signature.
    tracing::info_span!("http", method = %request.method(), path = request.uri().path(), request_id = id, trace_id)
}

fn log(response: &Response, took: Duration, _: &tracing::Span) {
    tracing::debug!(
        status = response.status().as_u16(),
        ms = took.as_millis() as u64,
        "answered"
    );
}
