//! CPU kernels of the building blocks: loops over f32 slices, each with a single pass over the data.
//!
//! Inputs and outputs are row-major slices. Every loop is written once, in plain Rust without fused
//! multiply-add, and compiled for each instruction set that [`pulp`] can select at run time. The
//! portable path therefore gives the same bits as the fastest one.

pub mod contract;
mod curve;
pub mod deformable;
pub mod elementary;
pub mod epilogue;
pub mod group_norm;
pub mod levels;
pub mod norm;
pub mod pool;
pub mod product;
pub mod sampling;
pub mod scale;
pub mod slopes;
pub mod softmax;
pub mod taps;
pub mod threads;
pub mod unfold;
pub mod window;

use pulp::{Arch, NullaryFnOnce};

/// The compiled version of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// The version for the widest instruction set of this machine.
    Fastest,
    /// The version that runs on every machine.
    Portable,
}

impl Path {
    /// Runs a loop. Its `call` must be `#[inline(always)]`. Otherwise it is compiled only for the portable path.
    pub fn run<R>(self, kernel: impl NullaryFnOnce<Output = R>) -> R {
        match self {
            Self::Fastest => Arch::new().dispatch(kernel),
            Self::Portable => kernel.call(),
        }
    }
}

/// Returns the name of the widest instruction set of this machine for which loops are compiled.
#[must_use]
pub fn instruction_set() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    match Arch::new() {
        Arch::V4(_) => return "AVX-512",
        Arch::V3(_) => return "AVX2",
        _ => {}
    }
    "portable"
}

/// Number of partial sums of a loop. It fills the widest registers and is the same on all machines, because the
/// order of a sum determines its last bits.
pub(super) const LANES: usize = 16;

/// Returns the sum of `value(x)` over all values `x`.
#[inline(always)]
pub(super) fn sum(values: &[f32], value: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut partial = [0.0; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            partial[lane] += value(chunk[lane]);
        }
    }
    for (lane, &last) in rest.iter().enumerate() {
        partial[lane] += value(last);
    }
    partial.iter().sum()
}

/// Returns the dot product.
#[inline(always)]
pub(super) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let ((left, left_rest), (right, right_rest)) =
        (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
    let mut partial = [0.0; LANES];
    for (a, b) in left.iter().zip(right) {
        for lane in 0..LANES {
            partial[lane] += a[lane] * b[lane];
        }
    }
    for (lane, (a, b)) in left_rest.iter().zip(right_rest).enumerate() {
        partial[lane] += a * b;
    }
    partial.iter().sum()
}
