//! Unfolding of maps into the pixels of sliding windows, and its transposed map.

use super::threads;
use super::window::Window;

/// Writes the pixels of each window: `[rows, pixels, channels]` to `[rows, windows, channels * side * side]`.
pub fn unfold(map: &[f32], out: &mut [f32], size: [usize; 2], channels: usize, window: Window) {
    let row = size.iter().product::<usize>() * channels;
    let windows: usize = window.over(size).iter().product();
    let shape = [windows, channels * window.pixels()];
    threads::by_positions(out, shape, map, row, |position, map, out| {
        unfold_one(map, out, size, channels, window, position);
    });
}

/// Writes the pixels of some windows, given by their places among the windows of all rows: `[rows, pixels, channels]` to
/// `[places, channels * side * side]`.
///
/// # Panics
/// Panics if a place does not exist.
pub fn unfold_at(
    map: &[f32],
    out: &mut [f32],
    size: [usize; 2],
    channels: usize,
    window: Window,
    places: &[u32],
) {
    let row = size.iter().product::<usize>() * channels;
    let windows: usize = window.over(size).iter().product();
    threads::by_rows(out, channels * window.pixels(), |first, out| {
        let outs = out.chunks_exact_mut(channels * window.pixels());
        for (&place, out) in places[first..].iter().zip(outs) {
            let (of_row, position) = (place as usize / windows, place as usize % windows);
            let map = &map[of_row * row..][..row];
            unfold_one(map, out, size, channels, window, position);
        }
    });
}

/// Writes the pixels of the window at `position` over the map of one row.
fn unfold_one(
    map: &[f32],
    out: &mut [f32],
    size: [usize; 2],
    channels: usize,
    window: Window,
    position: usize,
) {
    let side = window.pixels();
    for (pixel, source) in window.sources(size, position).enumerate() {
        let out = out[pixel..].iter_mut().step_by(side);
        match source {
            Some(source) => {
                let values = &map[source * channels..][..channels];
                out.zip(values).for_each(|(out, value)| *out = *value);
            }
            None => out.for_each(|out| *out = 0.0),
        }
    }
}

/// Writes the pixels of some windows of all rows, from the window `first` on, ordered by the pixel in the window, then by
/// channel: `[rows, pixels, channels]` to `[windows, side * side * channels]`.
pub fn gather(
    map: &[f32],
    out: &mut [f32],
    size: [usize; 2],
    channels: usize,
    window: Window,
    first: usize,
) {
    let row = size.iter().product::<usize>() * channels;
    let windows: usize = window.over(size).iter().product();
    let outs = out.chunks_exact_mut(channels * window.pixels());
    for (index, out) in outs.enumerate() {
        let (of_row, position) = ((first + index) / windows, (first + index) % windows);
        let map = &map[of_row * row..][..row];
        let runs = window.runs(size, position);
        for (out, run) in out.chunks_exact_mut(window.side * channels).zip(runs) {
            let (before, rest) = out.split_at_mut(run.first * channels);
            let (own, after) = rest.split_at_mut(run.count * channels);
            before.fill(0.0);
            own.copy_from_slice(&map[run.pixel * channels..][..own.len()]);
            after.fill(0.0);
        }
    }
}

/// Adds the pixels of some windows of one row, from the window `first` on, to the pixels of its map: the transposed map of
/// [`gather`].
pub fn scatter(
    unfolded: &[f32],
    map: &mut [f32],
    size: [usize; 2],
    channels: usize,
    window: Window,
    first: usize,
) {
    let windows = unfolded.chunks_exact(channels * window.pixels());
    for (position, values) in (first..).zip(windows) {
        let runs = window.runs(size, position);
        for (values, run) in values.chunks_exact(window.side * channels).zip(runs) {
            let values = &values[run.first * channels..][..run.count * channels];
            let sums = map[run.pixel * channels..][..values.len()].iter_mut();
            sums.zip(values).for_each(|(sum, value)| *sum += value);
        }
    }
}

/// Writes the sum over all windows of the values that belong to each pixel: `[rows, windows, channels * side * side]` to
/// `[rows, pixels, channels]`.
pub fn fold(unfolded: &[f32], out: &mut [f32], size: [usize; 2], channels: usize, window: Window) {
    let side = window.pixels();
    let pixels: usize = size.iter().product();
    let [_, across] = window.over(size);
    let windows: usize = window.over(size).iter().product();
    let row = windows * channels * side;
    threads::by_positions(
        out,
        [pixels, channels],
        unfolded,
        row,
        |pixel, unfolded, out| {
            out.fill(0.0);
            let [down, right] = [pixel / size[1], pixel % size[1]];
            for (top, y) in window.covering(down, size[0]) {
                for (left, x) in window.covering(right, size[1]) {
                    let at = ((top * across + left) * channels) * side + y * window.side + x;
                    let values = unfolded[at..].iter().step_by(side);
                    out.iter_mut()
                        .zip(values)
                        .for_each(|(sum, value)| *sum += value);
                }
            }
        },
    );
}
