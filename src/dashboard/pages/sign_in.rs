//! `/sign-in` and `/sign-out`.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use std::sync::Arc;
use url::form_urlencoded::parse;

use crate::dashboard::api::Visitor;
use crate::dashboard::form::Form;
use crate::dashboard::refusal::Refusal;
use crate::dashboard::session::Sessions;
use crate::dashboard::view::layout::{Page, Tab};
use crate::dashboard::wire::counts::Counts;

/// An operation that every key for the dashboard allows.
const PROBE: &str = "/v1/jobs/counts";

/// Shows the form. A visitor who needs no API key, or has a valid session, goes on.
pub(crate) async fn form(visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let next = parse(query.as_bytes()).find(|(name, _)| name == "next");
    let next = own(next.as_ref().map(|(_, value)| value.as_ref()));
    match visitor.get::<Counts>(PROBE).await {
        Ok(_) => Redirect::to(next).into_response(),
        Err(refusal) if refusal.is_unauthenticated() && visitor.has_session => page(
            next,
            Some("Your session has ended, because its API key was revoked or has expired."),
        ),
        Err(refusal) if refusal.is_unauthenticated() => page(next, None),
        Err(refusal) => refusal.into_response(),
    }
}

/// Exchanges an API key for a session.
pub(crate) async fn sign_in(
    visitor: Visitor,
    State(sessions): State<Arc<Sessions>>,
    form: Form,
) -> Result<Response, Refusal> {
    let key = form.get("key").unwrap_or_default();
    let next = own(form.get("next"));
    match visitor.with_key(key).get::<Counts>(PROBE).await {
        Ok(_) => {
            let mut headers = HeaderMap::new();
            headers.extend(
                sessions
                    .start(key)
                    .map(|cookie| (header::SET_COOKIE, cookie)),
            );
            Ok((headers, Redirect::to(next)).into_response())
        }
        Err(refusal) if refusal.is_unauthenticated() => {
            let mut response = page(next, Some("This API key is not valid."));
            *response.status_mut() = StatusCode::FORBIDDEN;
            Ok(response)
        }
        Err(refusal) => Err(refusal),
    }
}

/// Ends the session.
pub(crate) async fn sign_out(State(sessions): State<Arc<Sessions>>) -> Response {
    let mut headers = HeaderMap::new();
    headers.extend(sessions.end().map(|cookie| (header::SET_COOKIE, cookie)));
    (headers, Redirect::to("/sign-in")).into_response()
}

/// The page to open after the sign-in, which must be one of this service.
fn own(next: Option<&str>) -> &str {
    let is_own =
        |next: &&str| next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    next.filter(is_own).unwrap_or("/")
}

fn page(next: &str, message: Option<&str>) -> Response {
    let body = html! {
        form.narrow.signin method="post" action="/sign-in" {
            h1 { "Sign in" }
            @if let Some(message) = message { div.notice.bad role="alert" { p { (message) } } }
            input type="hidden" name="next" value=(next);
            label for="key" { "API key" }
            input #key name="key" type="password" required autocomplete="current-password" placeholder="optk_…" spellcheck="false" autofocus;
            button.primary { "Sign in" }
            p.faint {
                "A session lasts 12 hours, and ends with its key. The operator of the service creates keys with "
                code { "optin keys create" } "."
            }
        }
    };
    Page::new("Sign in", Tab::None).render(&body)
}
