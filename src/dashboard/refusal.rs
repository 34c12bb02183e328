//! A page for a request that the API has rejected.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;

use super::view::layout::{Page, Tab};
use super::wire::problem::Problem;

/// The path of the form that starts a session.
pub(crate) const SIGN_IN: &str = "/sign-in";

/// A rejection, with the status of its page.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) problem: Problem,
}

impl Refusal {
    /// A rejection by the dashboard itself.
    pub(crate) fn here(status: StatusCode, detail: &str) -> Self {
        Self {
            status,
            problem: Problem {
                title: status.canonical_reason().unwrap_or("Error").to_owned(),
                detail: detail.to_owned(),
                ..Problem::default()
            },
        }
    }

    pub(crate) fn not_found() -> Self {
        Self::here(StatusCode::NOT_FOUND, "this page does not exist")
    }

    pub(crate) fn unreadable() -> Self {
        let detail =
            "the response of the API could not be read; the log of the service has the cause";
        Self::here(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// Whether the request has no valid API key.
    pub(crate) fn is_unauthenticated(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// Whether the resource was removed.
    pub(crate) fn is_gone(&self) -> bool {
        self.status == StatusCode::GONE
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if self.is_unauthenticated() {
            return Redirect::to(SIGN_IN).into_response();
        }
        let problem = &self.problem;
        let body = html! {
            div.narrow {
                h1 { (problem.title) }
                div.notice.bad role="alert" {
                    p { (problem.detail) }
                    @for error in problem.errors.iter().filter(|error| error.detail != problem.detail) {
                        p { code { (error.pointer) } " " (error.detail) }
                    }
                }
                @if let Some(id) = &problem.request_id {
                    p.faint { "Request " code { (id) } " in the log of the service" }
                }
                p { a.button href="/" { "All jobs" } }
            }
        };
        let mut response = Page::new(&problem.title, Tab::None).render(&body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
