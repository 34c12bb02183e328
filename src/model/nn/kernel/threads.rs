//! Distribution of a result's rows over the threads of the current pool. With one thread there is no overhead.

use rayon::prelude::*;

/// Number of floats in a piece of work for a thread. It is large enough to outweigh the cost of scheduling.
const PIECE: usize = 1 << 14;

/// Calls `work(position, source, result)` for each of `positions` results of each row. A result has `width` numbers, and its
/// source is the row of `sources`, of `row` numbers.
pub(crate) fn by_positions(
    values: &mut [f32],
    [positions, width]: [usize; 2],
    sources: &[f32],
    row: usize,
    work: impl Fn(usize, &[f32], &mut [f32]) + Sync + Send,
) {
    by_rows(values, width, |first, values| {
        for (index, result) in (first..).zip(values.chunks_exact_mut(width)) {
            let source = &sources[index / positions * row..][..row];
            work(index % positions, source, result);
        }
    });
}

/// Calls `work(first row, rows)` for consecutive pieces of `values`. Each piece consists of whole rows of `width`
/// numbers.
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
