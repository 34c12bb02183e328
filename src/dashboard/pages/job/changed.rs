//! The rows of the data whose answers have changed.

use maud::{Markup, html};

use crate::dashboard::view::plain::plain;
use crate::prune::report::ChangedRow;

pub(super) fn changed(rows: &[ChangedRow]) -> Markup {
    let has_truth = rows.iter().any(|row| row.truth.is_some());
    html! {
        @if !rows.is_empty() {
            section #changed {
                h2 { "Changed answers" }
                p.faint { "Rows whose answers the pruning has changed most. They were not chosen at random, so they say nothing about the quality." }
                div.scroll.tall tabindex="0" role="region" aria-label="Changed answers" {
                    table.changed {
                        thead { tr { th.number { "Row" } th { "Input" } th { "Original" } th { "Pruned" } @if has_truth { th { "Truth" } } th.number { "Divergence" } } }
                        tbody { @for row in rows { tr {
                            td.number { (row.row) }
                            td.input { span.clip { (input(row.input.as_deref())) } }
                            td { (plain(&row.before)) }
                            td { b { (plain(&row.after)) } }
                            @if has_truth { td { (row.truth.as_deref().map_or_else(|| "–".to_owned(), plain)) } }
                            td.number { (format!("{:.4}", row.divergence)) }
                        } } }
                    }
                }
            }
        }
    }
}

/// The texts of a row with a bar between them, or the name of its image.
fn input(input: Option<&[String]>) -> String {
    let Some(texts) = input else {
        return "–".to_owned();
    };
    let texts: Vec<String> = texts.iter().map(|text| plain(text)).collect();
    texts.join(" | ")
}
