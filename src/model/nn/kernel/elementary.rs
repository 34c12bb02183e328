//! Elementary functions in f32, without branches, so that the compiler can vectorize loops over them.

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};

/// `1 / sqrt(2 pi)`.
const DENSITY_AT_ZERO: f32 = 0.398_942_3;

/// Returns `e^x` with a relative error below 2e-7. The result is 0 below -87 and `e^88` above 88.
#[inline(always)]
#[must_use]
pub fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to an integer and leaves the integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts. The first part has so few digits that its product with an integer is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Comparisons instead of `max` and `min`, so that a NaN stays a NaN.
    let small = x < -87.0;
    let x = if small { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = x * LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let rest = (x - whole * LN_2_HIGH) - whole * LN_2_LOW;
    // Taylor series up to the seventh power: |rest| <= ln 2 / 2, so the next term is below 6e-9.
    let mut series = 1.0 / 5_040.0;
    for factorial in [720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0] {
        series = series * rest + 1.0 / factorial;
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0f32.to_bits()));
    if small { 0.0 } else { series * power }
}

/// Coefficients of `erfc(x) e^(x^2) / t` as a polynomial in `t = 1 / (1 + 0.4 x)` for `x >= 0`, interpolated at
/// Chebyshev nodes. The relative error is below 9e-8.
const TAIL: [f32; 9] = [
    0.225_611_53,
    0.226_841_09,
    0.198_966_05,
    0.205_131_16,
    0.051_478_725,
    0.129_888_4,
    0.046_533_91,
    -0.121_834_665,
    0.037_383_832,
];

/// Returns `P(X <= x)` and the density at `x` of the standard normal distribution. Both use the same exponential, and
/// the lower tail is computed without cancellation.
#[inline(always)]
#[must_use]
pub fn normal(x: f32) -> (f32, f32) {
    let distance = x.abs() * FRAC_1_SQRT_2;
    let bell = exp(-(distance * distance));
    let t = 1.0 / (1.0 + 0.4 * distance);
    let mut series = TAIL[8];
    for power in (0..8).rev() {
        series = series * t + TAIL[power];
    }
    let tail = 0.5 * bell * series * t;
    let below = if x < 0.0 { tail } else { 1.0 - tail };
    (below, bell * DENSITY_AT_ZERO)
}

/// Returns `1 / (1 + e^-x)` with a relative error below 5e-7.
#[inline(always)]
#[must_use]
pub fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Returns `1 / (1 + e^-x)` and its derivative. The derivative is accurate even if the value is close to 1, because no
/// digits cancel.
#[inline(always)]
#[must_use]
pub fn logistic_and_slope(x: f32) -> (f32, f32) {
    let power = exp(-x);
    let share = 1.0 / (1.0 + power);
    (share, power * share * share)
}

/// Returns `tanh(x)` with a relative error below 4e-7, even near zero.
#[inline(always)]
#[must_use]
pub fn tanh(x: f32) -> f32 {
    let distance = x.abs();
    let power = exp(-2.0 * distance);
    // Near zero 1 - power suffers from cancellation. Lambert's continued fraction is exact to 1e-10 there.
    let square = x * x;
    let near = distance < 0.5;
    let above = distance * (945.0 + square * (105.0 + square));
    let below = 945.0 + square * (420.0 + square * 15.0);
    let above = if near { above } else { 1.0 - power };
    let below = if near { below } else { 1.0 + power };
    (above / below).copysign(x)
}

/// Returns `ln(1 + x) / x` for `0 <= x <= 1` with a relative error below 3e-7, and 1 at 0.
#[inline(always)]
#[must_use]
pub fn ln_one_plus_over(x: f32) -> f32 {
    // ln(1 + x) = 2 artanh(s) with s = x / (2 + x). Since s^2 <= 1/9, eight terms of the series are enough.
    let half = 1.0 / (2.0 + x);
    let square = (x * half) * (x * half);
    let mut series = 1.0 / 15.0;
    for odd in [13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        series = series * square + 1.0 / odd;
    }
    2.0 * half * series
}
