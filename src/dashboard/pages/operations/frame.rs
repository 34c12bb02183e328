//! The frame of the page.

use axum::http::{HeaderValue, header};
use axum::response::Response;
use maud::{Markup, html};

use crate::dashboard::view::layout::{Page, Tab};

/// Interval at which the page is read again.
const EVERY_MS: u32 = 5_000;

const TITLE: &str = "Operations";

/// The page with these parts.
pub(super) fn frame(has_session: bool, parts: &[Markup]) -> Response {
    let body = html! {
        div.head { h1 { (TITLE) } }
        @for part in parts { (part) }
    };
    let page = Page::new(TITLE, Tab::Operations).session(has_session);
    page.live(EVERY_MS).render(&body)
}

/// The answer to a form: the part of the page that it belongs to. It may show a secret, so no cache keeps it.
pub(super) fn answer(has_session: bool, part: &Markup) -> Response {
    let body = html! {
        div.head { h1 { (TITLE) } }
        (part)
        p.back { a.button href="/operations" { "Back to operations" } }
    };
    let page = Page::new(TITLE, Tab::Operations).session(has_session);
    let mut response = page.render(&body);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
