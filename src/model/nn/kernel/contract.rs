//! Derivatives with respect to the masks of units, from a cotangent on a block's activations.

use pulp::NullaryFnOnce;

use super::{Path, dot};

/// Returns the sum of `activation * cotangent` for each row of `length` positions and each unit of `span` columns,
/// `[copies * rows, width]`.
///
/// `activations` is `[rows, length, width * span]`, and `cotangent` is `[copies * rows, length, width * span]`. The
/// values of a row are summed in f32.
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
