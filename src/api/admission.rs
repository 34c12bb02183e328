//! Checks that precede all others: a request must name its host, and on a reserved place only the probes are answered.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::health::is_probe;
use super::held_body::HeldBody;
use super::limits::Meter;
use super::listen::places::Crowded;
use super::problem::{Problem, ProblemCode};

/// Rejects HTTP/1.1 requests without exactly one header `Host` (RFC 9112, section 3.2).
pub(super) async fn require_host(request: Request, next: Next) -> Response {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let valid = match request.version() {
        Version::HTTP_09 | Version::HTTP_10 => hosts <= 1,
        _ => hosts == 1,
    };
    if valid {
        return next.run(request).await;
    }
    let detail = format!("the request must have one header Host; it has {hosts}");
    Problem::bad_request("Host", detail).into_response()
}

/// Rejects requests, but not the probes, on a reserved place, and those beyond the limit of a forwarded address.
pub(super) async fn admit(
    State(meter): State<Arc<Meter>>,
    request: Request,
    next: Next,
) -> Response {
    if is_probe(request.uri().path()) {
        return next.run(request).await;
    }
    if let Some(crowded) = request.extensions().get::<Crowded>() {
        return refused(*crowded).into_response();
    }
    let (parts, body) = request.into_parts();
    let held = match meter.forwarded(&parts) {
        Ok(held) => held,
        Err(problem) => return problem.into_response(),
    };
    let response = next.run(Request::from_parts(parts, body)).await;
    match held {
        None => response,
        // The request ends with its response.
        Some(held) => response.map(|body| Body::new(HeldBody::new(body, held))),
    }
}

fn refused(crowded: Crowded) -> Problem {
    match crowded {
        Crowded::Address(most) => Problem::rate_limited(
            format!(
                "too many connections from your address: {most} are in use, the limit; retry when one has ended"
            ),
            1,
        ),
        Crowded::Service(most) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ProblemCode::Unavailable,
            format!("all {most} connections of the service are in use; retry later"),
        )
        .again_after(1),
    }
}
