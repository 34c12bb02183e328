//! The units that a pruned model keeps, layer by layer.

use maud::{Markup, html};

use crate::dashboard::wire::keep_map::KeepMap;
use crate::prune::report::GroupReport;
use crate::quantity::grouped;

/// Columns and height of a bar.
const BAR: (usize, usize) = (64, 10);

/// Number of shades of a column.
const LEVELS: usize = 3;

/// A table with a row for each layer and a column for each kind of units.
pub(crate) fn keep_map(groups: &[GroupReport], kept: Option<&KeepMap>) -> Markup {
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
                                td { @for group in groups.iter().filter(|group| layer(&group.group) == *own && group.kind == *kind) { (bar(group, kept.and_then(|map| map.kept(&group.group)))) } }
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

/// The bar of a group: where its kept units are, or how many they are if that is all that is known.
fn bar(group: &GroupReport, kept: Option<&[usize]>) -> Markup {
    let (width, height) = BAR;
    let filled = (group.kept * width)
        .checked_div(group.width)
        .unwrap_or_default();
    html! {
        div.bar-cell title=(group.group) {
            svg viewBox={ "0 0 " (width) " " (height) } preserveAspectRatio="none" aria-hidden="true" {
                rect.off width=(width) height=(height) {}
                @match kept {
                    Some(kept) => @for (level, path) in density(kept, group.width).iter().enumerate().filter(|(_, path)| !path.is_empty()) {
                        path.on.{ "level" (level + 1) } d=(path) {}
                    },
                    // A few units of many are still visible.
                    None => @if group.kept > 0 { rect.on width=(filled.max(1)) height=(height) {} },
                }
            }
            span { (grouped(group.kept as u64)) span.faint { " / " (grouped(group.width as u64)) } }
            @if let Some(heads) = group.heads.filter(|heads| heads.after != heads.before) { span.faint { (heads.after) " of " (heads.before) " heads" } }
        }
    }
}

/// Outlines of the columns of a bar in which a third, two thirds or all of the units are kept.
fn density(kept: &[usize], units: usize) -> [String; LEVELS] {
    let (width, height) = BAR;
    let mut paths = <[String; LEVELS]>::default();
    let column_of = |unit: usize| (unit * width).checked_div(units).unwrap_or_default();
    let mut counts = vec![0_usize; width];
    let mut totals = vec![0_usize; width];
    for unit in 0..units {
        totals[column_of(unit)] += 1;
    }
    for &unit in kept.iter().filter(|unit| **unit < units) {
        counts[column_of(unit)] += 1;
    }
    // A group of fewer units than columns has columns without units, which look like the one before.
    let mut level = 0;
    for column in 0..width {
        if totals[column] > 0 {
            level = (counts[column] * LEVELS).div_ceil(totals[column]);
        }
        if let Some(path) = level.checked_sub(1).and_then(|index| paths.get_mut(index)) {
            path.push_str(&format!("M{column} 0h1v{height}h-1z"));
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::{BAR, density};

    #[test]
    fn a_bar_shows_where_units_are_kept() {
        let (width, height) = BAR;
        let units = width * 4;
        let kept: Vec<usize> = (0..4).chain([5, 8, 9]).collect();
        let [third, two_thirds, all] = density(&kept, units);
        assert_eq!(all, format!("M0 0h1v{height}h-1z"));
        assert_eq!(third, format!("M1 0h1v{height}h-1z"));
        assert_eq!(two_thirds, format!("M2 0h1v{height}h-1z"));
        // Of two units, each has half of the columns.
        let [_, _, half] = density(&[1], 2);
        assert_eq!(half.matches('M').count(), width / 2);
        assert_eq!(density(&[], 0), ["", "", ""]);
    }
}
