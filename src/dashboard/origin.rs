//! Rejects requests that another site makes a browser send.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::refusal::Refusal;
use super::session::Sessions;

/// Says whether a page of this service, of another site or the user makes a request.
pub(crate) const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Passes on requests that change nothing, and other requests only if a page of this service makes them.
pub(crate) async fn same_origin(
    State(sessions): State<Arc<Sessions>>,
    request: Request,
    next: Next,
) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || is_own(request.headers(), sessions.origin()) {
        return next.run(request).await;
    }
    let detail = "this request did not come from a page of this service; open the dashboard, and repeat it there";
    Refusal::here(StatusCode::FORBIDDEN, detail).into_response()
}

/// Whether the browser says that a page of this service makes the request. Browsers send `Sec-Fetch-Site` over HTTPS and to
/// the own machine, and otherwise `Origin`.
fn is_own(headers: &HeaderMap, public: Option<&str>) -> bool {
    if let Some(site) = headers.get(FETCH_SITE) {
        return site == "same-origin";
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN) else {
        return false;
    };
    let host = origin.split_once("://").map(|(_, host)| host);
    (host.is_some() && host == text(header::HOST)) || Some(origin) == public
}

#[cfg(test)]
mod tests {
    use super::is_own;
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    #[test]
    fn only_pages_of_the_service_may_send_forms() {
        for (headers, own) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (
                &[
                    ("origin", "http://10.0.0.1:8080"),
                    ("host", "10.0.0.1:8080"),
                ],
                true,
            ),
            (
                &[("origin", "http://evil.example"), ("host", "10.0.0.1:8080")],
                false,
            ),
            (&[("origin", "null"), ("host", "10.0.0.1:8080")], false),
            (
                &[
                    ("origin", "https://optin.example"),
                    ("host", "backend:8080"),
                ],
                true,
            ),
            (&[("host", "10.0.0.1:8080")], false),
            (&[], false),
        ] {
            let pairs = headers.iter().map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            });
            let found = is_own(&pairs.collect::<HeaderMap>(), Some("https://optin.example"));
            assert_eq!(found, own, "{headers:?}");
        }
    }
}
