//! Division of the calibration rows into batches that are fitted and batches on which the fit is evaluated.

use super::super::prepare::Prepared;
use crate::data::dataset::Batches;

/// Maximum number of positions in one forward pass.
pub const BATCH_POSITIONS: usize = 2_048;

/// One of this number of sampled rows is held out of the fit.
const HOLD_OUT_INTERVAL: usize = 8;

/// Use of some rows in a repair.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// Whether the rows are fitted.
    pub(super) fits: bool,
    /// Whether the fit is evaluated on the rows.
    pub(super) judges: bool,
}

/// Returns how many of these calibration rows are fitted.
#[must_use]
pub fn fitted(rows: usize) -> usize {
    rows - rows / HOLD_OUT_INTERVAL
}

/// Returns the maximum number of positions on which a fit is evaluated, for rows of similar length.
#[must_use]
pub fn judged(rows: usize, positions: usize) -> usize {
    match rows < HOLD_OUT_INTERVAL {
        true => positions,
        false => positions.div_ceil(HOLD_OUT_INTERVAL),
    }
}

/// Divides the calibration rows into batches. Returns them with the number of those that are fitted. The others are held
/// out.
pub(super) fn divide(prepared: &Prepared) -> (Batches<'_>, usize) {
    let data = &prepared.calibration;
    let (held_out, fitted): (Vec<usize>, Vec<usize>) =
        (0..data.len()).partition(|row| row % HOLD_OUT_INTERVAL == HOLD_OUT_INTERVAL - 1);
    let batches = data.batches_of(&fitted, BATCH_POSITIONS);
    let of_fit = batches.len();
    (
        batches.chain(data.batches_of(&held_out, BATCH_POSITIONS)),
        of_fit,
    )
}
