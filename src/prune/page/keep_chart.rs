//! The map of kept units: a row for each group, with its units in their order from left to right.

use std::fmt::Write;

use maud::{Markup, PreEscaped, html};

use super::units::percent;
use crate::prune::score::combine::UnitImportance;
use crate::prune::search::keep_map::{KeepMap, KeptUnits};

pub(super) const EXPLANATION: &str = "Each row is a group of units, in the order of the model. The filled part of a cell is the kept share of \
    its units. Stronger colors are units that matter more: their removal does more damage to later features and to the answers.";

/// Largest number of cells in a row.
const CELLS: usize = 64;

/// Number of shades.
const SHADES: usize = 6;

/// Height of a row in the coordinates of the chart, whose cells have a width of 1.
const HEIGHT: f64 = 3.0;

/// A cell: some neighboring units.
struct Cell {
    /// Share of the units that are kept.
    kept: f64,
    shade: usize,
}

/// Draws the map.
pub(super) fn chart(map: &KeepMap, importance: &UnitImportance) -> Markup {
    let shades = shades(importance);
    let groups = map.groups.iter().zip(&shades);
    let groups = groups.filter(|(group, _)| group.width > 0);
    html! {
        div.keep role="img" aria-label="Map of kept units" {
            @for (group, shades) in groups {
                div.row {
                    span.name { (group.group) }
                    (strip(group, shades))
                    span.share { (percent(group.kept.len() as f64 / group.width as f64)) }
                }
            }
        }
        p.legend {
            span { "less damage" }
            @for shade in 0..SHADES {
                span class=(format!("swatch s{shade}")) {}
            }
            span { "more damage" }
        }
    }
}

/// Returns the shade of each unit of each group: which part of all units of the model matters less.
fn shades(importance: &UnitImportance) -> Vec<Vec<usize>> {
    let mut all: Vec<f64> = importance.groups.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    let shade = |own: &f64| {
        let below = all.partition_point(|other| other < own);
        below * SHADES / all.len().max(1)
    };
    let groups = importance.groups.iter();
    groups
        .map(|group| group.iter().map(|own| shade(own).min(SHADES - 1)).collect())
        .collect()
}

fn strip(group: &KeptUnits, shades: &[usize]) -> Markup {
    let cells = cells(group, shades);
    let paths = (0..SHADES).map(|shade| {
        let mut path = String::new();
        for (place, cell) in cells.iter().enumerate() {
            if cell.shade == shade && cell.kept > 0.0 {
                let height = HEIGHT * cell.kept;
                // Writing to a string cannot fail.
                let _ = write!(path, "M{place} {:.2}h1v{height:.2}h-1z", HEIGHT - height);
            }
        }
        (shade, path)
    });
    let view = format!("0 0 {} {HEIGHT}", cells.len());
    html! {
        svg viewBox=(view) preserveAspectRatio="none" aria-hidden="true" {
            @for (shade, path) in paths {
                @if !path.is_empty() {
                    (PreEscaped(format!("<path class=\"s{shade}\" d=\"{path}\"/>")))
                }
            }
        }
    }
}

/// Divides the units of a group into cells of about equally many.
fn cells(group: &KeptUnits, shades: &[usize]) -> Vec<Cell> {
    let count = group.width.min(CELLS);
    let mut is_kept = vec![false; group.width];
    for &unit in &group.kept {
        is_kept[unit] = true;
    }
    let cells = (0..count).map(|cell| {
        let units = cell * group.width / count..(cell + 1) * group.width / count;
        let kept: Vec<usize> = units.clone().filter(|&unit| is_kept[unit]).collect();
        let sum: usize = kept.iter().filter_map(|&unit| shades.get(unit)).sum();
        Cell {
            kept: kept.len() as f64 / units.len().max(1) as f64,
            shade: sum / kept.len().max(1),
        }
    });
    cells.collect()
}
