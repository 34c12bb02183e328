//! Weighted sums over the pixels of learned points, and the transposed map: the sum of multi-scale deformable attention
//! (Zhu et al. 2021).

use pulp::NullaryFnOnce;

use super::sampling::{Grid, Plan};
use super::{Path, threads};

/// Writes the weighted sums over the points of each head: `values` `[rows, positions, channels]` to
/// `[rows, positions, channels]`, where the channels are those of one head after another.
pub fn gather(
    grid: &Grid,
    plan: &Plan,
    values: &[f32],
    out: &mut [f32],
    channels: usize,
    path: Path,
) {
    let (positions, row) = (grid.positions(), grid.positions() * channels);
    threads::by_rows(out, channels, |first, out| {
        path.run(Gather {
            grid,
            plan,
            first,
            values: |query| &values[query / positions * row..][..row],
            out,
            channels,
        });
    });
}

/// Pulls a cotangent on the sums back to the values: both `[copies * rows, positions, channels]`. `out` is zero before.
/// All copies have the same plan.
pub fn scatter(
    grid: &Grid,
    plan: &Plan,
    cotangent: &[f32],
    out: &mut [f32],
    channels: usize,
    path: Path,
) {
    let row = grid.positions() * channels;
    let rows = plan.places.len() / (grid.positions() * grid.all_points());
    threads::by_rows(out, row, |first, out| {
        for (index, out) in (first..).zip(out.chunks_exact_mut(row)) {
            path.run(Scatter {
                grid,
                plan,
                first: index % rows * grid.positions(),
                cotangent: &cotangent[index * row..][..row],
                out,
                channels,
            });
        }
    });
}

/// The points of a head of a query.
#[derive(Clone, Copy)]
struct Points<'a> {
    grid: &'a Grid,
    places: &'a [u32],
    weights: &'a [f32],
    /// The first point of the head.
    first: usize,
    channels: usize,
}

impl<'a> Points<'a> {
    /// Returns the points of a head of a query, which is counted over all rows.
    #[inline(always)]
    fn of(grid: &'a Grid, plan: &'a Plan, channels: usize, query: usize, head: usize) -> Self {
        let points = grid.all_points();
        Self {
            grid,
            places: &plan.places[query * points..][..points],
            weights: &plan.weights[4 * query * points..][..4 * points],
            first: head * grid.levels().len() * grid.points(),
            channels,
        }
    }

    /// Calls `visit` with the places of the four pixels of each point in a map of values, and with their weights.
    #[inline(always)]
    fn each(self, mut visit: impl FnMut([usize; 4], [f32; 4])) {
        let all = self.places.len();
        for (index, level) in self.grid.levels().iter().enumerate() {
            let (right, down) = (level.right() * self.channels, level.down() * self.channels);
            let first = self.first + index * self.grid.points();
            for point in first..first + self.grid.points() {
                let at = self.places[point] as usize * self.channels;
                visit(
                    [at, at + right, at + down, at + down + right],
                    [0, 1, 2, 3].map(|pixel| self.weights[pixel * all + point]),
                );
            }
        }
    }

    /// Returns the sums of `N` channels from `channel` on.
    #[inline(always)]
    fn gather<const N: usize>(self, values: &[f32], channel: usize) -> [f32; N] {
        let mut sums = [0.0; N];
        self.each(|places, [a, b, c, d]| {
            let [upper_left, upper_right, lower_left, lower_right] =
                places.map(|at| &values[at + channel..][..N]);
            for lane in 0..N {
                let upper = a * upper_left[lane] + b * upper_right[lane];
                sums[lane] += upper + (c * lower_left[lane] + d * lower_right[lane]);
            }
        });
        sums
    }

    /// Adds `N` channels of the cotangent, from `channel` on, to the pixels of the points.
    #[inline(always)]
    fn scatter<const N: usize>(self, cotangent: [f32; N], sums: &mut [f32], channel: usize) {
        self.each(|places, weights| {
            for (at, weight) in places.into_iter().zip(weights) {
                let sums = &mut sums[at + channel..][..N];
                for lane in 0..N {
                    sums[lane] += weight * cotangent[lane];
                }
            }
        });
    }
}

struct Gather<'a, V> {
    grid: &'a Grid,
    plan: &'a Plan,
    /// The first query, counted over all rows.
    first: usize,
    /// Returns the values of the row of a query.
    values: V,
    out: &'a mut [f32],
    channels: usize,
}

impl<'a, V: Fn(usize) -> &'a [f32]> NullaryFnOnce for Gather<'a, V> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let own = self.channels / self.grid.heads();
        let outs = self.out.chunks_exact_mut(self.channels);
        for (query, out) in (self.first..).zip(outs) {
            let values = (self.values)(query);
            for (head, out) in out.chunks_exact_mut(own).enumerate() {
                let points = Points::of(self.grid, self.plan, self.channels, query, head);
                by_width(own, |channel, width| {
                    let at = head * own + channel;
                    let out = &mut out[channel..][..width];
                    match width {
                        16 => out.copy_from_slice(&points.gather::<16>(values, at)),
                        8 => out.copy_from_slice(&points.gather::<8>(values, at)),
                        4 => out.copy_from_slice(&points.gather::<4>(values, at)),
                        _ => out.copy_from_slice(&points.gather::<1>(values, at)),
                    }
                });
            }
        }
    }
}

/// Splits channels into parts whose width the compiler knows, and calls `part(first channel, width)` for each.
#[inline(always)]
fn by_width(channels: usize, mut part: impl FnMut(usize, usize)) {
    let mut channel = 0;
    while channel < channels {
        let width = match channels - channel {
            16.. => 16,
            8.. => 8,
            4.. => 4,
            _ => 1,
        };
        part(channel, width);
        channel += width;
    }
}

struct Scatter<'a> {
    grid: &'a Grid,
    plan: &'a Plan,
    /// The first query of the row, counted over all rows of the plan.
    first: usize,
    cotangent: &'a [f32],
    out: &'a mut [f32],
    channels: usize,
}

impl NullaryFnOnce for Scatter<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let own = self.channels / self.grid.heads();
        let cotangents = self.cotangent.chunks_exact(self.channels);
        for (query, cotangent) in (self.first..).zip(cotangents) {
            for (head, cotangent) in cotangent.chunks_exact(own).enumerate() {
                let points = Points::of(self.grid, self.plan, self.channels, query, head);
                let out = &mut *self.out;
                by_width(own, |channel, width| {
                    let at = head * own + channel;
                    let part = &cotangent[channel..];
                    match width {
                        16 => points.scatter::<16>(first(part), out, at),
                        8 => points.scatter::<8>(first(part), out, at),
                        4 => points.scatter::<4>(first(part), out, at),
                        _ => points.scatter::<1>(first(part), out, at),
                    }
                });
            }
        }
    }
}

/// Returns the first `N` numbers.
#[inline(always)]
fn first<const N: usize>(values: &[f32]) -> [f32; N] {
    std::array::from_fn(|lane| values[lane])
}
