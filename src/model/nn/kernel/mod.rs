//! Loops over f32 slices that the building blocks run on the CPU, each over the data once.
//!
//! In and out: row-major slices. Every loop is written once, in plain Rust without fused
//! multiply-add, and compiled for each instruction set that [`pulp`] can pick at run time; so the
//! portable path gives the same bits as the fastest one.

pub mod contract;
mod curve;
pub mod elementary;
pub mod epilogue;
pub mod norm;
pub mod product;
pub mod scale;
pub mod softmax;
pub mod threads;

use pulp::{Arch, NullaryFnOnce};

/// Which compilation of a loop runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// The widest that this machine has.
    Fastest,
    /// The one that every machine has.
    Portable,
}

impl Path {
    /// Runs a loop. Its `call` must be `#[inline(always)]`, or it is compiled for the portable path alone.
    pub fn run<R>(self, kernel: impl NullaryFnOnce<Output = R>) -> R {
        match self {
            Self::Fastest => Arch::new().dispatch(kernel),
            Self::Portable => kernel.call(),
        }
    }
}

/// The widest instructions of this machine that loops are compiled for.
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

/// Partial sums that a loop keeps side by side: wide enough for the widest registers, and the same
/// everywhere, for the order of a sum decides its last bits.
pub(super) const LANES: usize = 16;

/// `sum of value(x)`.
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

/// `sum of a * b`.
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
