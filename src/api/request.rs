//! The id and the trace of a request, for its response, its log lines and the work that it starts.

use axum::extract::Request;
use axum::http::HeaderName;
use axum::middleware::Next;
use axum::response::Response;

use crate::job::trace::TraceParent;

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

/// Gives every request an id: the one in its header if that is well-formed, or a new one.
pub(super) async fn identify(mut request: Request, next: Next) -> Response {
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

/// The trace in the headers of a request.
fn traced(request: &Request) -> Option<TraceParent> {
    TraceParent::parse(request.headers().get(&TRACE_PARENT)?.to_str().ok()?)
}

/// The span of a request in the log.
pub(super) fn span(request: &Request) -> tracing::Span {
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
