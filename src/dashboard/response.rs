//! Headers of all pages, and versions of them.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// What a page may load and do: only files of this service, and no script or style in the page itself.
pub(crate) const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Maximum size of a page.
const MAX_PAGE_BYTES: usize = 16 << 20;

/// Adds the headers of a page, and answers 304 if the browser has this version of it.
pub(crate) async fn complete(request: Request, next: Next) -> Response {
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let reads = *request.method() == Method::GET;
    let response = next.run(request).await;
    let mut response = match reads && response.status() == StatusCode::OK {
        true => versioned(response, known.as_ref()).await,
        false => response,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let cache = headers.entry(header::CACHE_CONTROL);
    cache.or_insert(HeaderValue::from_static("private, no-cache"));
    response
}

async fn versioned(response: Response, known: Option<&HeaderValue>) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_PAGE_BYTES).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let etag = format!("\"{}\"", &hex::encode(Sha256::digest(&bytes))[..32]);
    let body = match known.is_some_and(|known| known == etag.as_str()) {
        true => {
            parts.status = StatusCode::NOT_MODIFIED;
            Body::empty()
        }
        false => Body::from(bytes),
    };
    if let Ok(etag) = HeaderValue::try_from(etag) {
        parts.headers.insert(header::ETAG, etag);
    }
    Response::from_parts(parts, body)
}
