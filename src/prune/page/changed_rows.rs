//! The rows whose answers changed most.

use maud::{Markup, html};

use crate::prune::report::ChangedRow;

pub(super) const EXPLANATION: &str = "The rows of the data whose answers changed most: first those whose answer became wrong, then others \
    with another prediction, and then by the divergence of the answers. They are few and were not chosen at random, so they say \
    nothing about the quality.";

/// Shows each row with both answers.
pub(super) fn list(rows: &[ChangedRow]) -> Markup {
    html! {
        ol.changed {
            @for row in rows {
                li.card { (one(row)) }
            }
        }
    }
}

fn one(row: &ChangedRow) -> Markup {
    html! {
        @for shown in row.input.iter().flatten() {
            p.input { bdi { (shown) } }
        }
        dl {
            dt { "Original" }
            dd { bdi { (row.before) } }
            dt { "Pruned" }
            dd.after { bdi { (row.after) } }
            @if let Some(truth) = &row.truth {
                dt { "Truth" }
                dd { bdi { (truth) } }
            }
        }
        p.beside { "Row " (row.row) ", divergence " (format!("{:.4}", row.divergence)) }
    }
}
