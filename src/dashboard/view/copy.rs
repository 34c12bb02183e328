//! Text to copy.

use maud::{Markup, html};

/// A block of code with a button that copies it. The button appears with JavaScript.
pub(crate) fn block(id: &str, text: &str) -> Markup {
    html! {
        div.code {
            pre id=(id) tabindex="0" { code { (text) } }
            button.copy type="button" data-copy=(id) hidden { "Copy" }
        }
    }
}
