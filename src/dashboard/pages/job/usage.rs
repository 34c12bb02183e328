//! How to open the result.

use maud::{Markup, html};

use crate::dashboard::view::copy::block;

pub(super) fn usage(code: &str) -> Markup {
    html! {
        section {
            h2 { "Open the result" }
            p.faint { "Download all files into one folder. The model card " code { "README.md" } " explains this example." }
            (block("usage", code))
        }
    }
}

/// The example in a model card: its first block of Python.
pub(super) fn example(card: &str) -> Option<&str> {
    let (_, rest) = card.split_once("```python\n")?;
    let (code, _) = rest.split_once("\n```")?;
    Some(code.trim())
}
