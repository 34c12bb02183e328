//! The frame of the page.

use axum::response::Response;
use maud::{Markup, html};

use crate::dashboard::view::layout::{Page, Tab};

/// Interval at which the page is read again.
const EVERY_MS: u32 = 5_000;

/// The page with these parts.
pub(super) fn frame(has_session: bool, parts: &[Markup]) -> Response {
    let body = html! {
        div.head { h1 { "Operations" } }
        @for part in parts { (part) }
    };
    let page = Page::new("Operations", Tab::Operations).session(has_session);
    page.live(EVERY_MS).render(&body)
}
