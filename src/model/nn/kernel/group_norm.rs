//! Normalization of maps `[rows, positions, channels]` over groups of neighboring channels, and its backward pass.
//!
//! A row is read in blocks of positions. The sums of a block are added up in f32, and those of all blocks in f64.

use pulp::NullaryFnOnce;
use rayon::prelude::*;

use super::{Path, threads};

/// Number of floats in a block of positions. A block stays in the fastest cache.
const BLOCK: usize = 1 << 12;

/// Weight, bias and epsilon of a norm, and its number of groups, which divides the number of channels.
#[derive(Clone, Copy)]
pub struct Norm<'a> {
    /// The weight, `[channels]`.
    pub weight: &'a [f32],
    /// The bias, `[channels]`.
    pub bias: &'a [f32],
    /// Number of groups, at least 1.
    pub groups: usize,
    /// Number that is added to the variance.
    pub epsilon: f32,
}

/// Mean and scale of a group in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// The mean.
    pub mean: f32,
    /// `1 / sqrt(variance + epsilon)`.
    pub scale: f32,
}

impl Norm<'_> {
    fn channels(self) -> usize {
        self.weight.len()
    }

    /// Returns the number of channels of a group.
    fn size(self) -> usize {
        self.channels() / self.groups
    }

    /// Returns the number of floats in a block: those of some positions.
    fn block(self) -> usize {
        (BLOCK / self.channels()).max(1) * self.channels()
    }
}

/// Writes `out = (x - mean) * scale * weight + bias` for the moments of each group of a row. Both maps are
/// `[rows, positions, channels]`, and `row` is the number of floats in a row.
pub fn normalise(map: &[f32], out: &mut [f32], row: usize, norm: Norm<'_>, path: Path) {
    threads::by_rows(out, row, |first, out| {
        let map = &map[first * row..][..out.len()];
        path.run(Normalise {
            map,
            out,
            row,
            norm,
        });
    });
}

/// Returns the moments of all groups, `[rows, groups]`.
#[must_use]
pub fn moments(map: &[f32], row: usize, norm: Norm<'_>, path: Path) -> Vec<Moments> {
    let rows = map.par_chunks_exact(row);
    let moments = rows.map(|row| path.run(OfRow { row, norm }));
    moments.collect::<Vec<_>>().concat()
}

/// Replaces the `cotangent` `[copies * rows, positions, channels]` on a norm's output by the cotangent on its input.
///
/// The result is `scale (u - mean(u) - s mean(u s))` with `u = weight * cotangent` and `s = (x - mean) * scale`, where
/// the means are those of a group. All copies read the same `map` and its `moments`.
pub fn pull(
    cotangent: &mut [f32],
    map: &[f32],
    moments: &[Moments],
    row: usize,
    norm: Norm<'_>,
    path: Path,
) {
    let rows = map.len() / row;
    threads::by_rows(cotangent, row, |first, cotangent| {
        for (index, cotangent) in (first..).zip(cotangent.chunks_exact_mut(row)) {
            let index = index % rows;
            path.run(Pull {
                cotangent,
                map: &map[index * row..][..row],
                moments: &moments[index * norm.groups..][..norm.groups],
                norm,
            });
        }
    });
}

/// Adds `number(value, channel)` of all positions to the sum of each channel. Four positions at a time, because a sum
/// can be read only some time after it is written.
#[inline(always)]
fn add_up(block: &[f32], sums: &mut [f32], number: impl Fn(f32, usize) -> f32) {
    let channels = sums.len();
    let fours = block.chunks_exact(4 * channels);
    for position in fours.remainder().chunks_exact(channels) {
        for channel in 0..channels {
            sums[channel] += number(position[channel], channel);
        }
    }
    for four in fours {
        let [a, b, c, d] = [0, 1, 2, 3].map(|place| &four[place * channels..][..channels]);
        for channel in 0..channels {
            let of = |position: &[f32]| number(position[channel], channel);
            sums[channel] += (of(a) + of(b)) + (of(c) + of(d));
        }
    }
}

struct OfRow<'a> {
    row: &'a [f32],
    norm: Norm<'a>,
}

impl NullaryFnOnce for OfRow<'_> {
    type Output = Vec<Moments>;

    #[inline(always)]
    fn call(self) -> Vec<Moments> {
        let Self { row, norm } = self;
        let (channels, size) = (norm.channels(), norm.size());
        // The means and the sums of squared deviations of the blocks so far. A block joins them as in Chan et al. 1979.
        let mut means = vec![0.0f64; norm.groups];
        let mut squares = vec![0.0f64; norm.groups];
        let mut count = 0.0;
        let (mut own_means, mut own_squares) = (vec![0.0; channels], vec![0.0; channels]);
        for block in row.chunks(norm.block()) {
            own_means.fill(0.0);
            add_up(block, &mut own_means, |value, _| value);
            let own_count = (block.len() / norm.groups) as f64;
            for group in own_means.chunks_exact_mut(size) {
                let sum: f64 = group.iter().map(|&sum| f64::from(sum)).sum();
                group.fill((sum / own_count) as f32);
            }
            own_squares.fill(0.0);
            let means_of_block = &own_means[..channels];
            add_up(block, &mut own_squares, |value, channel| {
                let deviation = value - means_of_block[channel];
                deviation * deviation
            });
            let all = count + own_count;
            let (share, between) = (own_count / all, count * own_count / all);
            for group in 0..norm.groups {
                let own: f64 = own_squares[group * size..][..size]
                    .iter()
                    .map(|&sum| f64::from(sum))
                    .sum();
                let step = f64::from(own_means[group * size]) - means[group];
                means[group] += step * share;
                squares[group] += own + step * step * between;
            }
            count = all;
        }
        let groups = means.into_iter().zip(squares);
        groups
            .map(|(mean, squares)| Moments {
                mean: mean as f32,
                scale: (squares / count + f64::from(norm.epsilon)).sqrt().recip() as f32,
            })
            .collect()
    }
}

struct Normalise<'a> {
    map: &'a [f32],
    out: &'a mut [f32],
    row: usize,
    norm: Norm<'a>,
}

impl NullaryFnOnce for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self {
            map,
            out,
            row,
            norm,
        } = self;
        let channels = norm.channels();
        let (mut means, mut factors) = (vec![0.0; channels], vec![0.0; channels]);
        for (row, out) in map.chunks_exact(row).zip(out.chunks_exact_mut(row)) {
            let moments = OfRow { row, norm }.call();
            for channel in 0..channels {
                let Moments { mean, scale } = moments[channel / norm.size()];
                means[channel] = mean;
                factors[channel] = scale * norm.weight[channel];
            }
            let positions = row.chunks_exact(channels);
            for (position, out) in positions.zip(out.chunks_exact_mut(channels)) {
                let values = position.iter().zip(&means).zip(&factors).zip(norm.bias);
                for (out, (((value, mean), factor), bias)) in out.iter_mut().zip(values) {
                    *out = (value - mean) * factor + bias;
                }
            }
        }
    }
}

struct Pull<'a> {
    cotangent: &'a mut [f32],
    map: &'a [f32],
    moments: &'a [Moments],
    norm: Norm<'a>,
}

/// What a row's cotangent becomes in a channel: `factor * cotangent - along * (x - mean) - lift`.
#[derive(Default)]
struct Affine {
    factors: Vec<f32>,
    along: Vec<f32>,
    means: Vec<f32>,
    lifts: Vec<f32>,
}

impl Pull<'_> {
    /// Returns the sums over all positions of the cotangent and of its product with `x - mean`, for each channel.
    #[inline(always)]
    fn sums(&self, means: &[f32]) -> [Vec<f64>; 2] {
        let (channels, block) = (self.norm.channels(), self.norm.block());
        let mut sums = [vec![0.0f64; channels], vec![0.0f64; channels]];
        let mut own = [vec![0.0f32; channels], vec![0.0f32; channels]];
        for (cotangent, map) in self.cotangent.chunks(block).zip(self.map.chunks(block)) {
            let [plain, along] = &mut own;
            plain.fill(0.0);
            along.fill(0.0);
            let positions = map.chunks_exact(channels);
            for (cotangent, position) in cotangent.chunks_exact(channels).zip(positions) {
                let both = plain.iter_mut().zip(along.iter_mut());
                let values = cotangent.iter().zip(position).zip(means);
                for ((plain, along), ((cotangent, value), mean)) in both.zip(values) {
                    *plain += cotangent;
                    *along += cotangent * (value - mean);
                }
            }
            for (sums, own) in sums.iter_mut().zip(&own) {
                let pairs = sums.iter_mut().zip(own);
                pairs.for_each(|(sum, own)| *sum += f64::from(*own));
            }
        }
        sums
    }

    /// Returns the map of the cotangent.
    #[inline(always)]
    fn affine(&self) -> Affine {
        let (norm, size) = (self.norm, self.norm.size());
        let mut affine = Affine::default();
        for &Moments { mean, .. } in self.moments {
            affine.means.extend(std::iter::repeat_n(mean, size));
        }
        let [plain, along] = self.sums(&affine.means);
        let share = norm.groups as f64 / self.map.len() as f64;
        for (group, &Moments { scale, .. }) in self.moments.iter().enumerate() {
            let channels = group * size..(group + 1) * size;
            let weight = &norm.weight[channels.clone()];
            let weighed = |sums: &[f64]| -> f64 {
                let products = sums.iter().zip(weight);
                products.map(|(sum, &weight)| sum * f64::from(weight)).sum()
            };
            let wide = f64::from(scale);
            let lift = wide * weighed(&plain[channels.clone()]) * share;
            let slope = wide * wide * wide * weighed(&along[channels]) * share;
            affine.factors.extend(weight.iter().map(|w| scale * w));
            affine.lifts.extend(std::iter::repeat_n(lift as f32, size));
            affine.along.extend(std::iter::repeat_n(slope as f32, size));
        }
        affine
    }
}

impl NullaryFnOnce for Pull<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let affine = self.affine();
        let channels = self.norm.channels();
        let positions = self.map.chunks_exact(channels);
        for (cotangent, position) in self.cotangent.chunks_exact_mut(channels).zip(positions) {
            let lines = affine.factors.iter().zip(&affine.along);
            let lines = lines.zip(affine.means.iter().zip(&affine.lifts));
            let values = position.iter().zip(lines);
            for (cotangent, (value, ((factor, along), (mean, lift)))) in
                cotangent.iter_mut().zip(values)
            {
                *cotangent = factor * *cotangent - along * (value - mean) - lift;
            }
        }
    }
}
