//! Headers of all pages, and versions of them.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use sha2::{Digest, Sha256};
use url::form_urlencoded::byte_serialize;

use super::origin::FETCH_SITE;
use super::refusal::SIGN_IN;
use super::view::layout::{Page, Tab};

/// What a page may load and do: only files of this service, and no script or style in the page itself.
pub(crate) const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Maximum size of a page.
const MAX_PAGE_BYTES: usize = 16 << 20;

/// Adds the headers of a page, and answers 304 if the browser has this version of it.
pub(crate) async fn complete(request: Request, next: Next) -> Response {
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let reads = *request.method() == Method::GET;
    let wanted = request.uri().path_and_query().map(ToString::to_string);
    let from = request.headers().get(FETCH_SITE).cloned();
    let response = next.run(request).await;
    let response = match wanted {
        Some(wanted) if reads && leads_to_sign_in(&response) => {
            signed_in_first(&wanted, from.is_some_and(|from| from == "cross-site"))
        }
        _ => response,
    };
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

/// Whether the page requires a session.
fn leads_to_sign_in(response: &Response) -> bool {
    let location = response.headers().get(header::LOCATION);
    location.is_some_and(|location| location == SIGN_IN)
}

/// Leads to the form, and from there back to the page that was wanted. A browser that follows a link of another site
/// sends no cookie, so it asks once more, from here.
fn signed_in_first(wanted: &str, from_another_site: bool) -> Response {
    if from_another_site {
        let body = html! { meta http-equiv="refresh" content={ "0;url=" (wanted) }; };
        let again = Page::new("Opening", Tab::None).render(&body);
        return (StatusCode::UNAUTHORIZED, again).into_response();
    }
    let next: String = byte_serialize(wanted.as_bytes()).collect();
    let place = match wanted {
        "/" => SIGN_IN.to_owned(),
        _ => format!("{SIGN_IN}?next={next}"),
    };
    Redirect::to(&place).into_response()
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
