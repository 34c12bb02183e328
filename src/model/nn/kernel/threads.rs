//! Rows of a result on all threads of the current pool; on one thread without any overhead.

use rayon::prelude::*;

/// Floats that one thread takes at a time: enough to pay for the hand-over.
const PIECE: usize = 1 << 14;

/// Calls `work(first row, rows)` on consecutive pieces of `values`, whole rows of `width` each.
pub(crate) fn by_rows(
    values: &mut [f32],
    width: usize,
    work: impl Fn(usize, &mut [f32]) + Sync + Send,
) {
    if values.is_empty() {
        return;
    }
    let rows = (PIECE / width).max(1);
    if rayon::current_num_threads() == 1 || values.len() <= rows * width {
        return work(0, values);
    }
    let pieces = values.par_chunks_mut(rows * width).enumerate();
    pieces.for_each(|(index, piece)| work(index * rows, piece));
}
