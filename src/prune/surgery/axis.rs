//! Removal of indices from one dimension of a tensor, on bytes.

use std::ops::Range;

/// The kept indices of one dimension of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    dim: usize,
    kept: Vec<bool>,
}

impl Axis {
    /// Creates an axis that keeps all indices of a dimension of this size.
    #[must_use]
    pub fn whole(dim: usize, size: usize) -> Self {
        Self {
            dim,
            kept: vec![true; size],
        }
    }

    /// Returns the dimension.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Removes some indices.
    ///
    /// # Panics
    /// Panics if an index is not below the size of the dimension.
    pub fn remove(&mut self, indices: Range<usize>) {
        self.kept[indices].fill(false);
    }

    /// Returns the tensor's bytes without the removed indices and updates `shape`.
    ///
    /// # Panics
    /// Panics if the bytes do not match the shape, or the shape does not match the axis.
    #[must_use]
    pub fn apply(&self, bytes: &[u8], shape: &mut [usize], element_bytes: usize) -> Vec<u8> {
        let inner = shape[self.dim + 1..].iter().product::<usize>() * element_bytes;
        let outer: usize = shape[..self.dim].iter().product();
        let size = self.kept.len();
        assert!(
            size == shape[self.dim] && bytes.len() == outer * size * inner,
            "the axis and the bytes must match the shape of the tensor"
        );
        let ranges = self.ranges();
        shape[self.dim] = ranges.iter().map(Range::len).sum();
        let mut kept = Vec::with_capacity(outer * shape[self.dim] * inner);
        for block in 0..outer {
            let base = block * size * inner;
            for range in &ranges {
                kept.extend_from_slice(
                    &bytes[base + range.start * inner..base + range.end * inner],
                );
            }
        }
        kept
    }

    /// Returns the kept indices as ranges without gaps.
    fn ranges(&self) -> Vec<Range<usize>> {
        let mut start = 0;
        let runs = self.kept.chunk_by(|a, b| a == b);
        let ranges = runs.map(|run| {
            start += run.len();
            (run[0], start - run.len()..start)
        });
        ranges
            .filter_map(|(kept, range)| kept.then_some(range))
            .collect()
    }
}
