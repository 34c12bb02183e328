//! Sparse linear maps along the rows and columns of maps `[rows, height * width, channels]`.

use pulp::NullaryFnOnce;

use super::{Path, threads};

/// A sparse matrix `[results, sources]`: each number of the result is a weighted sum of a few sources.
#[derive(Clone, Debug, PartialEq)]
pub struct Taps {
    /// Number of sources.
    sources: usize,
    /// Sources and weights of each result.
    of: Vec<Vec<(usize, f64)>>,
}

impl Taps {
    /// Creates the matrix from the sources of each result and their weights.
    #[must_use]
    pub fn new(sources: usize, of: Vec<Vec<(usize, f64)>>) -> Self {
        Self { sources, of }
    }

    /// Returns the transposed matrix.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let mut of = vec![Vec::new(); self.sources];
        for (result, taps) in self.of.iter().enumerate() {
            for &(source, weight) in taps {
                of[source].push((result, weight));
            }
        }
        Self {
            sources: self.of.len(),
            of,
        }
    }

    /// Returns the numbers of results and sources.
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        (self.of.len(), self.sources)
    }

    /// Returns the matrix with its zeros, row-major.
    #[must_use]
    pub fn dense(&self) -> Vec<f64> {
        let mut dense = vec![0.0; self.of.len() * self.sources];
        for (row, taps) in dense.chunks_exact_mut(self.sources.max(1)).zip(&self.of) {
            for &(source, weight) in taps {
                row[source] += weight;
            }
        }
        dense
    }
}

/// Applies `down` to the columns and `right` to the rows of pixels of each channel: `[rows, height * width, channels]`
/// to `[rows, results of down * results of right, channels]`. `out` is zero before.
pub fn apply(map: &[f32], out: &mut [f32], [down, right]: [&Taps; 2], channels: usize, path: Path) {
    let width = right.of.len() * channels;
    threads::by_rows(out, width, |first, out| {
        let mut mixed = vec![0.0; right.sources * channels];
        for (line, out) in (first..).zip(out.chunks_exact_mut(width)) {
            let (row, line) = (line / down.of.len(), line % down.of.len());
            let lines = &map[row * down.sources * mixed.len()..][..down.sources * mixed.len()];
            path.run(Line {
                lines,
                mixed: &mut mixed,
                out,
                down: &down.of[line],
                right,
                channels,
            });
        }
    });
}

/// A line of pixels of the result.
struct Line<'a> {
    /// The map.
    lines: &'a [f32],
    /// Overwritten by the weighted sum of its lines.
    mixed: &'a mut [f32],
    out: &'a mut [f32],
    down: &'a [(usize, f64)],
    right: &'a Taps,
    channels: usize,
}

impl NullaryFnOnce for Line<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let channels = self.channels;
        self.mixed.fill(0.0);
        for &(line, weight) in self.down {
            let width = self.mixed.len();
            add(self.mixed, &self.lines[line * width..][..width], weight);
        }
        for (out, taps) in self.out.chunks_exact_mut(channels).zip(&self.right.of) {
            for &(pixel, weight) in taps {
                add(out, &self.mixed[pixel * channels..][..channels], weight);
            }
        }
    }
}

/// Adds `weight * values` to `sums`.
#[inline(always)]
fn add(sums: &mut [f32], values: &[f32], weight: f64) {
    let weight = weight as f32;
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += weight * value;
    }
}
