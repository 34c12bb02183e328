//! Elementwise product of several copies with the same factors.

use pulp::NullaryFnOnce;

use super::Path;

/// Computes `values *= factors` for each copy in `values`, `[copies * factors.len()]`.
pub fn each(values: &mut [f32], factors: &[f32]) {
    if !factors.is_empty() {
        Path::Fastest.run(Each { values, factors });
    }
}

struct Each<'a> {
    values: &'a mut [f32],
    factors: &'a [f32],
}

impl NullaryFnOnce for Each<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for copy in self.values.chunks_exact_mut(self.factors.len()) {
            for (value, factor) in copy.iter_mut().zip(self.factors) {
                *value *= factor;
            }
        }
    }
}
