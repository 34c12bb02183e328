//! Resizes images to the bit as Pillow does (`Resample.c` and `Geometry.c` of Pillow 13).
//!
//! Image processors are defined by what Pillow gives: filters that grow with the reduction, weights in 22-bit fixed
//! point, and rounding to 8 bits after each pass. No crate gives the same. The largest differences to Pillow, in levels
//! of 255, over seven odd sizes and three targets:
//!
//! | crate | bilinear | bicubic | lanczos | hamming | box | nearest |
//! |---|---|---|---|---|---|---|
//! | fast_image_resize 6.1, as it is | 1 | 23 | 43 | 1 | 126 | 0 |
//! | fast_image_resize 6.1, two passes in f32 | 1 | 1 | 1 | 1 | 126 | 0 |
//! | image 0.25 | 1 | 23 | 42 | - | - | 255 |
//! | pic-scale 0.7 | 161 | 46 | 50 | 151 | 189 | 252 |
//! | this file | 0 | 0 | 0 | 0 | 0 | 0 |

use std::f64::consts::PI;

use super::raster::Raster;

/// Number of fraction bits of a weight.
const PRECISION: u32 = 22;

/// A filter, by its number in Pillow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// 0
    Nearest,
    /// 1
    Lanczos,
    /// 2
    Bilinear,
    /// 3
    Bicubic,
    /// 4
    Box,
    /// 5
    Hamming,
}

impl Filter {
    /// Returns the filter with this number in Pillow.
    pub(super) fn of(number: u64) -> Option<Self> {
        let all = [
            Self::Nearest,
            Self::Lanczos,
            Self::Bilinear,
            Self::Bicubic,
            Self::Box,
            Self::Hamming,
        ];
        all.get(usize::try_from(number).ok()?).copied()
    }

    /// Returns how far the filter reaches to each side, in pixels, if the image is not reduced.
    fn support(self) -> f64 {
        match self {
            Self::Nearest | Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// Returns the weight of a pixel at this distance.
    fn weight(self, x: f64) -> f64 {
        let distance = x.abs();
        match self {
            // Of two pixels at the same distance, only one counts.
            Self::Nearest | Self::Box => f64::from(u8::from(x > -0.5 && x <= 0.5)),
            Self::Bilinear => (1.0 - distance).max(0.0),
            Self::Hamming => match distance {
                0.0 => 1.0,
                1.0.. => 0.0,
                _ => {
                    let x = distance * PI;
                    x.sin() / x * (0.54 + 0.46 * x.cos())
                }
            },
            Self::Bicubic => {
                let (a, x) = (-0.5, distance);
                match x {
                    ..1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
                    ..2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * a,
                    _ => 0.0,
                }
            }
            Self::Lanczos => match (-3.0..3.0).contains(&x) {
                true => sinc(x) * sinc(x / 3.0),
                false => 0.0,
            },
        }
    }
}

fn sinc(x: f64) -> f64 {
    match x {
        0.0 => 1.0,
        _ => (x * PI).sin() / (x * PI),
    }
}

/// Resizes an image.
pub(super) fn resize(image: Raster, height: usize, width: usize, filter: Filter) -> Raster {
    if filter == Filter::Nearest {
        return nearest(&image, height, width);
    }
    let rows = windows(image.width, width, filter);
    let columns = windows(image.height, height, filter);
    match starts_with_columns(&image, height, width) {
        true => along_rows(along_columns(image, &columns), &rows),
        false => along_columns(along_rows(image, &rows), &columns),
    }
}

/// Whether the first pass runs along columns: if it removes more than twice as many rows as the other pass removes
/// columns. The order matters, because each pass rounds. This rule of Pillow 13 was found by experiment, with no
/// exception in 4314 random sizes, and is not documented.
fn starts_with_columns(image: &Raster, height: usize, width: usize) -> bool {
    let (rows, columns) = (
        image.height as i64 - height as i64,
        image.width as i64 - width as i64,
    );
    rows > 0 && rows > 2 * columns
}

/// The input pixels of one output pixel: the first one, and a weight for each.
struct Window {
    first: usize,
    weights: Vec<i32>,
}

fn windows(from: usize, to: usize, filter: Filter) -> Vec<Window> {
    let scale = from as f64 / to as f64;
    let filter_scale = scale.max(1.0);
    let support = filter.support() * filter_scale;
    let shrink = 1.0 / filter_scale;
    let window = |at: usize| {
        let center = (at as f64 + 0.5) * scale;
        // A negative number becomes 0.
        let first = (center - support + 0.5) as usize;
        let end = ((center + support + 0.5) as usize).min(from);
        let weights = (first..end).map(|x| filter.weight((x as f64 - center + 0.5) * shrink));
        let weights: Vec<f64> = weights.collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |weight: &f64| {
            let weight = if sum == 0.0 { *weight } else { weight / sum };
            let scaled = weight * f64::from(1 << PRECISION);
            (scaled + 0.5_f64.copysign(scaled)) as i32
        };
        Window {
            first,
            weights: weights.iter().map(fixed).collect(),
        }
    };
    (0..to).map(window).collect()
}

/// Rounds a sum in fixed point to 8 bits.
fn rounded(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Changes the width. A pass that keeps it changes nothing.
fn along_rows(image: Raster, windows: &[Window]) -> Raster {
    if windows.len() == image.width {
        return image;
    }
    let channels = image.channels;
    let mut out = Raster::black(image.height, windows.len(), channels);
    let rows = image.samples.chunks_exact(image.width * channels);
    for (row, out) in rows.zip(out.samples.chunks_exact_mut(windows.len() * channels)) {
        for (window, out) in windows.iter().zip(out.chunks_exact_mut(channels)) {
            let mut sums = [1 << (PRECISION - 1); 4];
            let pixels = row[window.first * channels..].chunks_exact(channels);
            for (weight, pixel) in window.weights.iter().zip(pixels) {
                for (sum, sample) in sums.iter_mut().zip(pixel) {
                    *sum += weight * i32::from(*sample);
                }
            }
            out.iter_mut()
                .zip(sums)
                .for_each(|(out, sum)| *out = rounded(sum));
        }
    }
    out
}

/// Changes the height. A pass that keeps it changes nothing.
fn along_columns(image: Raster, windows: &[Window]) -> Raster {
    if windows.len() == image.height {
        return image;
    }
    let row = image.width * image.channels;
    let mut out = Raster::black(windows.len(), image.width, image.channels);
    let mut sums = vec![0; row];
    for (window, out) in windows.iter().zip(out.samples.chunks_exact_mut(row)) {
        sums.fill(1 << (PRECISION - 1));
        let rows = image.samples[window.first * row..].chunks_exact(row);
        for (weight, samples) in window.weights.iter().zip(rows) {
            for (sum, sample) in sums.iter_mut().zip(samples) {
                *sum += weight * i32::from(*sample);
            }
        }
        out.iter_mut()
            .zip(&sums)
            .for_each(|(out, sum)| *out = rounded(*sum));
    }
    out
}

fn nearest(image: &Raster, height: usize, width: usize) -> Raster {
    let channels = image.channels;
    let (rows, columns) = (
        positions(image.height, height),
        positions(image.width, width),
    );
    let mut out = Raster::black(height, width, channels);
    for (y, out) in rows
        .into_iter()
        .zip(out.samples.chunks_exact_mut(width * channels))
    {
        let row = &image.samples[y * image.width * channels..][..image.width * channels];
        for (&x, out) in columns.iter().zip(out.chunks_exact_mut(channels)) {
            out.copy_from_slice(&row[x * channels..][..channels]);
        }
    }
    out
}

/// Returns the input position of each output position. Pillow adds up the steps, so their rounding errors add up, too.
fn positions(from: usize, to: usize) -> Vec<usize> {
    let step = from as f64 / to as f64;
    let places = std::iter::successors(Some(step * 0.5), |place| Some(place + step));
    places
        .take(to)
        .map(|place| (place as usize).min(from - 1))
        .collect()
}
