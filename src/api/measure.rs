//! Request metrics.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;

use crate::telemetry::metric;

pub(super) async fn measure(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = request.method().to_string();
    // The route, not the path: ids in labels would create a time series per job.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!(metric::HTTP_REQUESTS, "method" => method.clone(), "route" => route.clone(), "status" => status).increment(1);
    metrics::histogram!(metric::HTTP_SECONDS, "method" => method, "route" => route)
        .record(start.elapsed().as_secs_f64());
    response
}
