//! Order of units by importance.

use std::ops::Range;

/// Returns some units, the most important first. Equally important units are in the order of their indices.
pub(super) fn best_first(importance: &[f64], units: Range<usize>) -> Vec<usize> {
    let mut units: Vec<usize> = units.collect();
    units.sort_by(|&a, &b| importance[b].total_cmp(&importance[a]).then(a.cmp(&b)));
    units
}
