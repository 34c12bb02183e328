//! Means and maxima over regions of a map, and their backward passes.

use super::threads;

/// The pixels of each position of the result, in the order of the positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regions {
    /// The pixels of all regions, one region after another.
    pixels: Vec<u32>,
    /// End of each region in `pixels`.
    ends: Vec<usize>,
}

impl Regions {
    /// Collects regions. None of them may be empty.
    pub fn new(regions: impl IntoIterator<Item = Vec<u32>>) -> Self {
        let (mut pixels, mut ends) = (Vec::new(), Vec::new());
        for region in regions {
            pixels.extend(region);
            ends.push(pixels.len());
        }
        Self { pixels, ends }
    }

    /// Returns the number of regions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no regions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the pixels of a region.
    #[must_use]
    pub fn of(&self, region: usize) -> &[u32] {
        let first = match region {
            0 => 0,
            _ => self.ends[region - 1],
        };
        &self.pixels[first..self.ends[region]]
    }
}

/// Writes the mean over each region: `[rows, pixels, channels]` to `[rows, regions, channels]`.
pub fn mean(map: &[f32], out: &mut [f32], regions: &Regions, pixels: usize, channels: usize) {
    let shape = [regions.len(), channels];
    threads::by_positions(out, shape, map, pixels * channels, |region, map, out| {
        let region = regions.of(region);
        fold(map, out, region, 0.0, |sum, value| sum + value);
        let share = 1.0 / region.len() as f32;
        out.iter_mut().for_each(|sum| *sum *= share);
    });
}

/// Writes the maximum over each region: `[rows, pixels, channels]` to `[rows, regions, channels]`.
pub fn max(map: &[f32], out: &mut [f32], regions: &Regions, pixels: usize, channels: usize) {
    let shape = [regions.len(), channels];
    threads::by_positions(out, shape, map, pixels * channels, |region, map, out| {
        fold(map, out, regions.of(region), f32::NEG_INFINITY, f32::max);
    });
}

/// Combines the pixels of a region, channel by channel.
fn fold(
    map: &[f32],
    out: &mut [f32],
    region: &[u32],
    start: f32,
    combine: impl Fn(f32, f32) -> f32,
) {
    out.fill(start);
    for &pixel in region {
        let values = &map[pixel as usize * out.len()..][..out.len()];
        for (out, value) in out.iter_mut().zip(values) {
            *out = combine(*out, *value);
        }
    }
}

/// Returns the pixel of the first maximum over each region, `[rows, regions, channels]`.
#[must_use]
pub fn places(map: &[f32], regions: &Regions, pixels: usize, channels: usize) -> Vec<u32> {
    let rows = map.chunks_exact((pixels * channels).max(1));
    let mut places = Vec::with_capacity(rows.len() * regions.len() * channels);
    for map in rows {
        for region in (0..regions.len()).map(|region| regions.of(region)) {
            places.extend((0..channels).map(|channel| {
                let value = |pixel: u32| map[pixel as usize * channels + channel];
                let mut pixels = region.iter().copied();
                let first = pixels.next().unwrap_or_default();
                pixels.fold(first, |best, pixel| {
                    if value(pixel) > value(best) {
                        pixel
                    } else {
                        best
                    }
                })
            }));
        }
    }
    places
}

/// Pulls a cotangent on means back: `[rows, regions, channels]` to `[rows, pixels, channels]`, which is zero before.
pub fn pull_mean(cotangent: &[f32], out: &mut [f32], regions: &Regions, channels: usize) {
    let size = (regions.len() * channels).max(1);
    let rows = cotangent.chunks_exact(size);
    let pixels = out.len() / rows.len().max(1);
    for (cotangent, out) in rows.zip(out.chunks_exact_mut(pixels.max(1))) {
        for (region, values) in cotangent.chunks_exact(channels).enumerate() {
            let region = regions.of(region);
            let share = 1.0 / region.len() as f32;
            for &pixel in region {
                let sums = &mut out[pixel as usize * channels..][..channels];
                sums.iter_mut()
                    .zip(values)
                    .for_each(|(sum, value)| *sum += share * value);
            }
        }
    }
}

/// Pulls a cotangent on maxima back: `[copies * rows, regions, channels]` to `[copies * rows, pixels, channels]`, which is
/// zero before. All copies have the same [`places`].
pub fn pull_max(cotangent: &[f32], out: &mut [f32], places: &[u32], row: usize, channels: usize) {
    let rows = cotangent.len() / row.max(1);
    let pixels = out.len() / rows.max(1);
    let outs = out.chunks_exact_mut(pixels.max(1));
    let places = places.chunks_exact(row.max(1)).cycle();
    for ((cotangent, places), out) in cotangent.chunks_exact(row.max(1)).zip(places).zip(outs) {
        for (index, (value, place)) in cotangent.iter().zip(places).enumerate() {
            out[*place as usize * channels + index % channels] += value;
        }
    }
}
