//! Removal of units from one dimension of a tensor, on bytes.

/// The kept units of one group in one dimension of a tensor.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The dimension.
    pub dim: usize,
    /// First index of unit 0. Indices before it and after the last unit are always kept.
    pub offset: usize,
    /// Number of indices per unit.
    pub span: usize,
    /// Number of units before the removal.
    pub width: usize,
    /// The kept units, in ascending order.
    pub units: Vec<usize>,
}

impl Kept {
    /// Returns the tensor's bytes without the removed units and updates `shape`.
    ///
    /// # Panics
    /// Panics if the bytes do not match the shape or if the units exceed the dimension.
    #[must_use]
    pub fn apply(&self, bytes: &[u8], shape: &mut [usize], element_bytes: usize) -> Vec<u8> {
        let inner = shape[self.dim + 1..].iter().product::<usize>() * element_bytes;
        let outer: usize = shape[..self.dim].iter().product();
        let size = shape[self.dim];
        let end = self.offset + self.width * self.span;
        assert!(
            end <= size && bytes.len() == outer * size * inner,
            "the units must lie inside the tensor, and the bytes must match its shape"
        );
        let units = self
            .units
            .iter()
            .map(|unit| self.offset + unit * self.span..self.offset + (unit + 1) * self.span);
        let before = std::iter::once(0..self.offset);
        let after = std::iter::once(end..size);
        let ranges: Vec<_> = before.chain(units).chain(after).collect();
        shape[self.dim] = size - (self.width - self.units.len()) * self.span;
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
}
