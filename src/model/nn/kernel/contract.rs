//! From a cotangent on a block's activations to the derivative by each unit's mask.

use pulp::NullaryFnOnce;

use super::{Path, dot};

/// For each row of `length` positions and each unit of `span` columns
/// `sum of activation * cotangent`, added in f32 within a row. `activations` are
/// `[rows, length, width * span]`, `cotangent` is `[copies * rows, length, width * span]`; the
/// answer is `[copies * rows, width]`.
#[must_use]
pub fn by_unit(
    activations: &[f32],
    cotangent: &[f32],
    length: usize,
    width: usize,
    span: usize,
    path: Path,
) -> Vec<f32> {
    path.run(ByUnit {
        activations,
        cotangent,
        length,
        width,
        span,
    })
}

struct ByUnit<'a> {
    activations: &'a [f32],
    cotangent: &'a [f32],
    length: usize,
    width: usize,
    span: usize,
}

impl NullaryFnOnce for ByUnit<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn call(self) -> Vec<f32> {
        let columns = self.width * self.span;
        let row_size = self.length * columns;
        if row_size == 0 {
            return Vec::new();
        }
        let mut sums = vec![0.0; self.cotangent.len() / row_size * self.width];
        let rows = self.activations.chunks_exact(row_size).cycle();
        let rows = rows.zip(self.cotangent.chunks_exact(row_size));
        for ((activations, cotangent), sums) in rows.zip(sums.chunks_exact_mut(self.width)) {
            let positions = activations
                .chunks_exact(columns)
                .zip(cotangent.chunks_exact(columns));
            for (activations, cotangent) in positions {
                if self.span == 1 {
                    for ((sum, a), c) in sums.iter_mut().zip(activations).zip(cotangent) {
                        *sum += a * c;
                    }
                    continue;
                }
                let units = activations
                    .chunks_exact(self.span)
                    .zip(cotangent.chunks_exact(self.span));
                for (sum, (a, c)) in sums.iter_mut().zip(units) {
                    *sum += dot(a, c);
                }
            }
        }
        sums
    }
}
