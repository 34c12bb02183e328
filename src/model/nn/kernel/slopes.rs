//! Derivatives of the weighted sums over the pixels of learned points, with respect to the offsets and the weights of the
//! points (Zhu et al. 2021).

use pulp::NullaryFnOnce;
use rayon::prelude::*;

use super::Path;
use super::sampling::{Grid, Nearest, nearest};

/// What the sums are made of.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// Offsets in pixels, `[rows, positions, points of all heads, (x, y)]`.
    pub offsets: &'a [f32],
    /// Weights, `[rows, positions, points of all heads]`.
    pub weights: &'a [f32],
    /// Values, `[rows, positions, channels]`.
    pub values: &'a [f32],
}

/// Derivatives for several copies of the rows.
pub struct Slopes {
    /// With respect to the offsets, `[copies * rows, positions, points of all heads, (x, y)]`.
    pub offsets: Vec<f32>,
    /// With respect to the weights, `[copies * rows, positions, points of all heads]`.
    pub weights: Vec<f32>,
}

/// Pulls a cotangent on the sums, `[copies * rows, positions, channels]`, back to the offsets and the weights. There must be
/// points and channels.
#[must_use]
pub fn slopes(
    grid: &Grid,
    given: Given<'_>,
    cotangent: &[f32],
    channels: usize,
    path: Path,
) -> Slopes {
    let (positions, points) = (grid.positions(), grid.all_points());
    let rows = given.values.len() / (positions * channels);
    let count = cotangent.len() / channels * points;
    let mut slopes = Slopes {
        offsets: vec![0.0; 2 * count],
        weights: vec![0.0; count],
    };
    let of_rows = slopes.offsets.par_chunks_mut(2 * positions * points);
    let of_rows = of_rows.zip(slopes.weights.par_chunks_mut(positions * points));
    let of_rows = of_rows.zip(cotangent.par_chunks(positions * channels));
    of_rows
        .enumerate()
        .for_each(|(index, ((offsets, weights), cotangent))| {
            let row = index % rows;
            path.run(OfRow {
                grid,
                given: Given {
                    offsets: &given.offsets[row * 2 * positions * points..]
                        [..2 * positions * points],
                    weights: &given.weights[row * positions * points..][..positions * points],
                    values: &given.values[row * positions * channels..][..positions * channels],
                },
                cotangent,
                channels,
                offsets,
                weights,
            });
        });
    slopes
}

/// One row of one copy.
struct OfRow<'a> {
    grid: &'a Grid,
    given: Given<'a>,
    cotangent: &'a [f32],
    channels: usize,
    offsets: &'a mut [f32],
    weights: &'a mut [f32],
}

impl NullaryFnOnce for OfRow<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (grid, points) = (self.grid, self.grid.all_points());
        let own = self.channels / grid.heads();
        for (query, cotangent) in self.cotangent.chunks_exact(self.channels).enumerate() {
            let [center_x, center_y] = grid.centers[query];
            let mut point = query * points;
            for (head, cotangent) in cotangent.chunks_exact(own).enumerate() {
                let values = &self.given.values[head * own..];
                for level in grid.levels() {
                    let (width, height) = (level.width as f32, level.height as f32);
                    for _ in 0..grid.points() {
                        let offset = &self.given.offsets[2 * point..][..2];
                        let x = Side::at(center_x * width + (offset[0] - 0.5), width);
                        let y = Side::at(center_y * height + (offset[1] - 0.5), height);
                        let place = level.first + y.first() * level.width + x.first();
                        let products =
                            [0, level.right(), level.down(), level.down() + level.right()].map(
                                |step| {
                                    let value = &values[(place + step) * self.channels..][..own];
                                    product(value, cotangent)
                                },
                            );
                        let [along_x, across_x] = [x.nearest.weights, x.slopes].map(|shares| {
                            [0, 2].map(|line| {
                                shares[0] * products[line] + shares[1] * products[line + 1]
                            })
                        });
                        let over = |lines: [f32; 2], shares: [f32; 2]| {
                            shares[0] * lines[0] + shares[1] * lines[1]
                        };
                        let weight = self.given.weights[point];
                        self.weights[point] = over(along_x, y.nearest.weights);
                        self.offsets[2 * point] = weight * over(across_x, y.nearest.weights);
                        self.offsets[2 * point + 1] = weight * over(along_x, y.slopes);
                        point += 1;
                    }
                }
            }
        }
    }
}

/// The pixels around a place along a side, with the derivatives of their weights.
struct Side {
    nearest: Nearest,
    slopes: [f32; 2],
}

impl Side {
    #[inline(always)]
    fn at(place: f32, size: f32) -> Self {
        let nearest = nearest(place, size);
        // A weight falls with the distance from its pixel.
        let slope = |pixel: f32, weight: f32| match weight > 0.0 {
            true if place > pixel => -1.0,
            true => 1.0,
            false => 0.0,
        };
        let [first, second] = nearest.weights;
        Self {
            slopes: [
                slope(nearest.first, first),
                slope(nearest.first + 1.0, second),
            ],
            nearest,
        }
    }

    /// Returns the first pixel.
    #[inline(always)]
    fn first(&self) -> usize {
        self.nearest.first as usize
    }
}

/// Returns the sum of the products of two vectors, in several partial sums.
#[inline(always)]
fn product(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (left, left_rest) = left.as_chunks::<8>();
    let (right, right_rest) = right.as_chunks::<8>();
    for (left, right) in left.iter().zip(right) {
        for lane in 0..8 {
            sums[lane] += left[lane] * right[lane];
        }
    }
    let rest = left_rest.iter().zip(right_rest);
    sums.iter().sum::<f32>() + rest.map(|(left, right)| left * right).sum::<f32>()
}
