//! The pixels that learned points on several maps read, and their weights (Zhu et al. 2021).
//!
//! A head of a query has some points on each level. A point reads the four pixels around it, and pixels outside of the
//! map are zero. A pixel weighs as much as its point times its share in the bilinear interpolation.

use pulp::NullaryFnOnce;
use rayon::prelude::*;

use super::Path;
use super::levels::{Level, centers, place};

/// Number of queries that a thread locates at once.
const PIECE: usize = 64;

/// The points of a query: their levels, in the order head, level, point. Positions are numbers below 2^24, which f32
/// holds exactly.
#[derive(Clone, Debug)]
pub struct Grid {
    levels: Vec<Level>,
    /// Number of heads.
    heads: usize,
    /// Number of points of a head on a level.
    points: usize,
    /// Center of each position as a share of its level, `(x, y)`.
    pub(super) centers: Vec<[f32; 2]>,
    /// Width of the level of each point.
    widths: Vec<f32>,
    /// Height of the level of each point.
    heights: Vec<f32>,
    /// First position of the level of each point.
    firsts: Vec<f32>,
}

/// The four pixels of each point of each query of each row, with their weights.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Position of the upper left pixel, `[rows, queries, points of all heads]`.
    pub(super) places: Vec<u32>,
    /// Weight of each pixel, `[rows, queries, 4, points of all heads]`: upper left, upper right, lower left, lower
    /// right.
    pub(super) weights: Vec<f32>,
}

impl Grid {
    /// Creates the points of `heads` heads, `points` on each level. No level may be empty.
    #[must_use]
    pub fn new(sizes: &[[usize; 2]], heads: usize, points: usize) -> Self {
        let levels = place(sizes);
        let of_points = |number: fn(&Level) -> usize| -> Vec<f32> {
            let numbers = levels.iter().map(|level| number(level) as f32);
            let of_head = numbers.flat_map(|number| std::iter::repeat_n(number, points));
            of_head.collect::<Vec<_>>().repeat(heads)
        };
        Self {
            heads,
            points,
            centers: centers(&levels)
                .into_iter()
                .map(|center| center.map(|share| share as f32))
                .collect(),
            widths: of_points(|level| level.width),
            heights: of_points(|level| level.height),
            firsts: of_points(|level| level.first),
            levels,
        }
    }

    /// Returns the number of positions of all levels. Each one has a query.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.centers.len()
    }

    /// Returns the number of points of all heads of a query.
    #[must_use]
    pub fn all_points(&self) -> usize {
        self.firsts.len()
    }

    /// Returns the number of heads.
    #[must_use]
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// Returns the number of points of a head on a level.
    #[must_use]
    pub fn points(&self) -> usize {
        self.points
    }

    /// Returns the levels.
    #[must_use]
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }
}

/// Finds the pixels of all points and their weights, from `offsets` in pixels
/// `[rows, positions, points of all heads, (x, y)]` and `weights` `[rows, positions, points of all heads]`. There must
/// be points.
#[must_use]
pub fn plan(grid: &Grid, offsets: &[f32], weights: &[f32], path: Path) -> Plan {
    let points = grid.all_points();
    let mut plan = Plan {
        places: vec![0; weights.len()],
        weights: vec![0.0; 4 * weights.len()],
    };
    let places = plan.places.par_chunks_mut(PIECE * points);
    let shares = plan.weights.par_chunks_mut(4 * PIECE * points);
    let offsets = offsets.par_chunks(2 * PIECE * points);
    let weights = weights.par_chunks(PIECE * points);
    let pieces = places.zip(shares).zip(offsets.zip(weights)).enumerate();
    pieces.for_each(|(piece, ((places, shares), (offsets, weights)))| {
        path.run(Locate {
            grid,
            first: piece * PIECE,
            offsets,
            weights,
            places,
            shares,
        });
    });
    plan
}

struct Locate<'a> {
    grid: &'a Grid,
    /// The first query, counted over all rows.
    first: usize,
    offsets: &'a [f32],
    weights: &'a [f32],
    places: &'a mut [u32],
    shares: &'a mut [f32],
}

impl NullaryFnOnce for Locate<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (grid, points) = (self.grid, self.grid.all_points());
        let (widths, heights) = (&grid.widths[..points], &grid.heights[..points]);
        let firsts = &grid.firsts[..points];
        let offsets = self.offsets.as_chunks::<2>().0.chunks_exact(points);
        let given = offsets.zip(self.weights.chunks_exact(points));
        let places = self.places.chunks_exact_mut(points);
        let found = places.zip(self.shares.chunks_exact_mut(4 * points));
        for (query, ((offsets, weights), (places, shares))) in (self.first..).zip(given.zip(found))
        {
            let [center_x, center_y] = grid.centers[query % grid.centers.len()];
            let (upper, lower) = shares.split_at_mut(2 * points);
            let (upper_left, upper_right) = upper.split_at_mut(points);
            let (lower_left, lower_right) = lower.split_at_mut(points);
            // With the same length for all, the loop is compiled for several points at once.
            let upper_right = &mut upper_right[..points];
            let lower_right = &mut lower_right[..points];
            for point in 0..points {
                let [offset_x, offset_y] = offsets[point];
                let (width, height) = (widths[point], heights[point]);
                let x = nearest(center_x * width + (offset_x - 0.5), width);
                let y = nearest(center_y * height + (offset_y - 0.5), height);
                places[point] = (firsts[point] + y.first * width + x.first) as i32 as u32;
                let [top, bottom] = [0, 1].map(|line| y.weights[line] * weights[point]);
                upper_left[point] = top * x.weights[0];
                upper_right[point] = top * x.weights[1];
                lower_left[point] = bottom * x.weights[0];
                lower_right[point] = bottom * x.weights[1];
            }
        }
    }
}

/// Two neighboring pixels along a side, and their weights. A pixel outside of the map weighs nothing.
pub(super) struct Nearest {
    pub(super) first: f32,
    pub(super) weights: [f32; 2],
}

/// Returns the pixels around a place, where pixel 0 is at 0. Both are on the map if it has two pixels.
#[inline(always)]
pub(super) fn nearest(place: f32, size: f32) -> Nearest {
    let first = place.floor().min(size - 2.0).max(0.0);
    let weight = |pixel: f32| {
        let weight = 1.0 - (place - pixel).abs();
        // Unlike `max`, it keeps a NaN.
        if weight < 0.0 { 0.0 } else { weight }
    };
    let exists = if size > 1.0 { 1.0 } else { 0.0 };
    Nearest {
        first,
        weights: [weight(first), exists * weight(first + 1.0)],
    }
}
