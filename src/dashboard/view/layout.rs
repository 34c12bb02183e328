//! The frame of every page.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use crate::dashboard::assets;

/// The part of the dashboard that a page belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    Jobs,
    New,
    Operations,
    None,
}

/// A page.
pub(crate) struct Page<'a> {
    title: &'a str,
    tab: Tab,
    has_session: bool,
    is_live: Option<u32>,
    scripts: Vec<&'static str>,
}

impl<'a> Page<'a> {
    pub(crate) fn new(title: &'a str, tab: Tab) -> Self {
        Self {
            title,
            tab,
            has_session: false,
            is_live: None,
            scripts: Vec::new(),
        }
    }

    /// Shows that there is a session, if there is one.
    pub(crate) fn session(self, has_session: bool) -> Self {
        Self {
            has_session,
            ..self
        }
    }

    /// Updates the live parts of the page every few seconds.
    pub(crate) fn live(self, every_ms: u32) -> Self {
        Self {
            is_live: Some(every_ms),
            ..self
        }
    }

    /// Adds a script.
    pub(crate) fn script(mut self, name: &'static str) -> Self {
        self.scripts.push(name);
        self
    }

    /// Renders the page around its content.
    pub(crate) fn render(&self, content: &Markup) -> Response {
        let tab = |tab: Tab, href: &str, text: &str| {
            let current = (tab == self.tab).then_some("page");
            html! { a href=(href) aria-current=[current] { (text) } }
        };
        let page = html! {
            (DOCTYPE)
            html lang="en" data-live=[self.is_live] {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · optin" }
                    link rel="icon" href=(assets::url("icon.svg")) type="image/svg+xml";
                    link rel="stylesheet" href=(assets::url("optin.css"));
                    script src=(assets::url("page.js")) defer {}
                    @for name in &self.scripts { script src=(assets::url(name)) defer {} }
                    @if self.is_live.is_some() { script src=(assets::url("live.js")) defer {} }
                }
                body {
                    a.skip href="#content" { "Skip to content" }
                    header.top {
                        a.brand href="/" { (mark()) "optin" }
                        nav aria-label="Main" {
                            (tab(Tab::Jobs, "/", "Jobs"))
                            (tab(Tab::New, "/new", "New job"))
                            (tab(Tab::Operations, "/operations", "Operations"))
                            a href="/docs/" { "API" }
                        }
                        @if self.has_session {
                            form.signout method="post" action="/sign-out" { button.quiet { "Sign out" } }
                        }
                    }
                    main id="content" tabindex="-1" { (content) }
                    p.visually-hidden id="announce" role="status" {}
                }
            }
        };
        (
            [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
            page.into_string(),
        )
            .into_response()
    }
}

/// The mark of the product: units, of which some are removed.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" {
            rect.on x="1" y="2" width="4" height="16" rx="1.5" {}
            rect.off x="8" y="2" width="4" height="16" rx="1.5" {}
            rect.on x="8" y="10" width="4" height="8" rx="1.5" {}
            rect.off x="15" y="2" width="4" height="16" rx="1.5" {}
            rect.on x="15" y="6" width="4" height="12" rx="1.5" {}
        }
    }
}
