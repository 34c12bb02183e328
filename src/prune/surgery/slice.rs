//! Cutting units out of one dimension of a tensor, on bytes.

/// The units of one group that stay in one dimension of a tensor.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The dimension.
    pub dim: usize,
    /// Where unit 0 begins; indices before it and after the last unit always stay.
    pub offset: usize,
    /// Indices a unit owns.
    pub span: usize,
    /// Units before.
    pub width: usize,
    /// Units that stay, rising.
    pub units: Vec<usize>,
}

impl Kept {
    /// The tensor without the other units; `shape` is changed to fit.
    ///
    /// # Panics
    /// When the bytes do not fit the shape, or the shape does not hold the units.
    #[must_use]
    pub fn apply(&self, bytes: &[u8], shape: &mut [usize], element_bytes: usize) -> Vec<u8> {
        let inner = shape[self.dim + 1..].iter().product::<usize>() * element_bytes;
        let outer: usize = shape[..self.dim].iter().product();
        let size = shape[self.dim];
        let end = self.offset + self.width * self.span;
        assert!(
            end <= size && bytes.len() == outer * size * inner,
            "the units lie inside the tensor"
        );
        let before = std::iter::once(0..self.offset);
        let units = self.units.iter().map(|unit| {
            let start = self.offset + unit * self.span;
            start..start + self.span
        });
        let ranges: Vec<_> = before
            .chain(units)
            .chain(std::iter::once(end..size))
            .collect();
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
