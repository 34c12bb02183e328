//! The units that a pruned model keeps, layer by layer.

use maud::{Markup, html};

use super::quantity::grouped;
use crate::prune::report::GroupReport;

/// Width and height of a bar.
const BAR: (usize, usize) = (120, 14);

/// A table with a row for each layer and a column for each kind of units.
pub(crate) fn keep_map(groups: &[GroupReport]) -> Markup {
    let mut kinds: Vec<&str> = Vec::new();
    let mut layers: Vec<&str> = Vec::new();
    for group in groups {
        if !kinds.contains(&group.kind.as_str()) {
            kinds.push(&group.kind);
        }
        let layer = layer(&group.group);
        if !layers.contains(&layer) {
            layers.push(layer);
        }
    }
    html! {
        div.scroll.tall tabindex="0" role="region" aria-label="Kept units" {
            table.keepmap {
                thead { tr { th { "Layer" } @for kind in &kinds { th { (plural(kind)) } } } }
                tbody {
                    @for own in &layers {
                        tr {
                            th { (own) }
                            @for kind in &kinds {
                                td { @for group in groups.iter().filter(|group| layer(&group.group) == *own && group.kind == *kind) { (bar(group)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The layer of a group: its name without the last word.
fn layer(group: &str) -> &str {
    group.rsplit_once('.').map_or(group, |(layer, _)| layer)
}

fn plural(kind: &str) -> String {
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{kind}s"),
    }
}

fn bar(group: &GroupReport) -> Markup {
    let (width, height) = BAR;
    let filled = (group.kept * width)
        .checked_div(group.width)
        .unwrap_or_default();
    html! {
        div.bar-cell title=(group.group) {
            svg viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) aria-hidden="true" {
                rect.off width=(width) height=(height) rx="2" {}
                // A few units of many are still visible.
                @if group.kept > 0 { rect.on width=(filled.max(2)) height=(height) rx="2" {} }
            }
            span { (grouped(group.kept as u64)) span.faint { " / " (grouped(group.width as u64)) } }
            @if let Some(heads) = group.heads.filter(|heads| heads.after != heads.before) { span.faint { (heads.after) " of " (heads.before) " heads" } }
        }
    }
}
