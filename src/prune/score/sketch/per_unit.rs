//! One number per unit: sums over rows and probes.

use candle_core::Result;

use crate::model::chain::Model;
use crate::prune::score::teacher::Teacher;
use crate::prune::sums;

/// One number per unit, one list per group. The list of a group that is not wanted is empty.
pub(super) type PerUnit = Vec<Vec<f64>>;

pub(super) fn zeros(teacher: &Teacher<'_>, wanted: &[bool]) -> PerUnit {
    let groups = teacher.model.groups.iter().zip(wanted);
    groups
        .map(|(group, &wanted)| vec![0.0; if wanted { group.width } else { 0 }])
        .collect()
}

/// Adds the values of each unit.
pub(super) fn add(totals: &mut PerUnit, part: &PerUnit) {
    for (totals, units) in totals.iter_mut().zip(part) {
        sums::add(totals, units);
    }
}

/// Adds `each` of the values of f32 rows `[count, width]` to f64 totals, one per column.
pub(super) fn add_rows(totals: &mut [f64], rows: &[f32], each: impl Fn(f64) -> f64) {
    for row in rows.chunks_exact(totals.len().max(1)) {
        for (total, &value) in totals.iter_mut().zip(row) {
            *total += each(f64::from(value));
        }
    }
}

/// Returns the lowest block that the backward pass must reach: the first one with a wanted group.
pub(super) fn lowest(model: &Model, wanted: &[bool]) -> Result<usize> {
    let groups = model.groups.iter().zip(wanted);
    let blocks = groups.filter_map(|(group, &wanted)| wanted.then_some(group.seat.block));
    match blocks.min() {
        Some(block) => Ok(block),
        None => candle_core::bail!("no group of units to score"),
    }
}
