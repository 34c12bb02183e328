//! The rows of the data whose answers have changed.

use maud::{Markup, html};
use serde_json::Value;

use crate::dashboard::view::plain::plain;
use crate::dashboard::wire::report::ChangedRow;

pub(super) fn changed(rows: &[ChangedRow]) -> Markup {
    let has_truth = rows.iter().any(|row| !row.truth.is_null());
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
                            td.input { span.clip { (text(&row.input)) } }
                            td { (text(&row.before)) }
                            td { b { (text(&row.after)) } }
                            @if has_truth { td { (text(&row.truth)) } }
                            td.number { (format!("{:.4}", row.divergence)) }
                        } } }
                    }
                }
            }
        }
    }
}

/// A value for people: texts as they are, and several with a bar between them.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => plain(text),
        Value::Array(values) => {
            let texts: Vec<String> = values.iter().map(text).collect();
            texts.join(" | ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{changed, text};
    use crate::dashboard::wire::report::ChangedRow;
    use serde_json::{Value, json};

    #[test]
    fn values_of_all_kinds_are_texts() {
        for (value, expected) in [
            (json!(null), "–"),
            (json!("a\u{1b}\nb"), "a\u{fffd} b"),
            (json!(["one", "two"]), "one | two"),
            (json!(0.5), "0.5"),
            (json!({"label": 1}), "{\"label\":1}"),
        ] {
            assert_eq!(text(&value), expected);
        }
    }

    #[test]
    fn rows_without_a_truth_have_no_column_for_it() {
        let row = |truth: Value| {
            let row = json!({"row": 7, "input": ["<b>x</b>"], "before": "good", "after": "bad", "truth": truth, "divergence": 0.25});
            serde_json::from_value::<ChangedRow>(row).map(|row| changed(&[row]).into_string())
        };
        let shown = row(json!(null)).unwrap_or_default();
        assert!(
            shown.contains("&lt;b&gt;x&lt;/b&gt;") && !shown.contains("Truth"),
            "{shown}"
        );
        let shown = row(json!("good")).unwrap_or_default();
        assert!(
            shown.contains("Truth") && shown.contains("0.2500"),
            "{shown}"
        );
        assert_eq!(changed(&[]).into_string(), "");
    }
}
