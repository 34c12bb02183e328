//! Each activation and its derivative at one number, without branches, so that the compiler can
//! vectorize loops over them.
//!
//! Values are clamped with comparisons, which keep a NaN, instead of `max` and `min`. At kinks the
//! derivatives are those of torch's autograd.

use super::elementary::{exp, ln_one_plus_over, logistic, logistic_and_slope, normal};
use crate::model::nn::activation;

/// `2 sqrt(2 / pi)`, the scale in the tanh approximation of GELU.
const TANH_SCALE: f32 = 2.0 * 0.797_884_6;

/// The factor of the cube in the tanh approximation of GELU.
const TANH_CUBIC: f32 = activation::GELU_CUBIC as f32;
const CLIP: f32 = activation::GELU_CLIP as f32;
const MEAN: f32 = activation::LAPLACE_MEAN as f32;
const DEVIATION: f32 = activation::LAPLACE_DEVIATION as f32;
const LEAK: f32 = activation::LEAK as f32;
const QUICK_SCALE: f32 = activation::QUICK_SCALE as f32;

#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    x * normal(x).0
}

#[inline(always)]
pub(super) fn gelu_slope(x: f32) -> f32 {
    let (below, density) = normal(x);
    below + x * density
}

#[inline(always)]
pub(super) fn gelu_clipped(x: f32) -> f32 {
    at_most(CLIP, gelu(x))
}

#[inline(always)]
pub(super) fn gelu_clipped_slope(x: f32) -> f32 {
    let (below, density) = normal(x);
    let slope = below + x * density;
    if x * below >= CLIP { 0.0 } else { slope }
}

/// `x (1 + tanh(u)) / 2`, computed as `x / (1 + e^-2u)` to avoid cancellation.
#[inline(always)]
pub(super) fn gelu_tanh(x: f32) -> f32 {
    x * logistic(TANH_SCALE * (x + TANH_CUBIC * x * x * x))
}

#[inline(always)]
pub(super) fn gelu_tanh_slope(x: f32) -> f32 {
    let (share, slope) = logistic_and_slope(TANH_SCALE * (x + TANH_CUBIC * x * x * x));
    let inner = TANH_SCALE * (1.0 + 3.0 * TANH_CUBIC * x * x);
    share + x * slope * inner
}

#[inline(always)]
pub(super) fn hard_swish(x: f32) -> f32 {
    x * at_most(6.0, relu(x + 3.0)) / 6.0
}

#[inline(always)]
pub(super) fn hard_swish_slope(x: f32) -> f32 {
    let slope = if x < 3.0 { x / 3.0 + 0.5 } else { 1.0 };
    if x <= -3.0 { 0.0 } else { slope }
}

#[inline(always)]
pub(super) fn laplace(x: f32) -> f32 {
    normal((x - MEAN) / DEVIATION).0
}

#[inline(always)]
pub(super) fn laplace_slope(x: f32) -> f32 {
    normal((x - MEAN) / DEVIATION).1 / DEVIATION
}

#[inline(always)]
pub(super) fn leaky_relu(x: f32) -> f32 {
    if x > 0.0 { x } else { LEAK * x }
}

#[inline(always)]
pub(super) fn leaky_relu_slope(x: f32) -> f32 {
    if x > 0.0 { 1.0 } else { LEAK }
}

#[inline(always)]
pub(super) fn mish(x: f32) -> f32 {
    x * tanh_of_softplus(x).0
}

#[inline(always)]
pub(super) fn mish_slope(x: f32) -> f32 {
    let (share, slope) = tanh_of_softplus(x);
    share + x * slope
}

/// Returns `tanh(ln(1 + e^x))` and its derivative, computed as fractions of polynomials in `e^-|x|`.
#[inline(always)]
fn tanh_of_softplus(x: f32) -> (f32, f32) {
    let negative = x < 0.0;
    let power = exp(-x.abs());
    let (below, above) = (power * (power + 2.0), 1.0 + 2.0 * power);
    let numerator = if negative { below } else { above };
    // The smaller of 1 and e^-x.
    let least = if negative { 1.0 } else { power };
    let scale = 1.0 / (numerator + 2.0 * least * least);
    let slope = 4.0 * power * (1.0 + power) * least;
    (numerator * scale, slope * scale * scale)
}

#[inline(always)]
pub(super) fn quick_gelu(x: f32) -> f32 {
    x * logistic(QUICK_SCALE * x)
}

#[inline(always)]
pub(super) fn quick_gelu_slope(x: f32) -> f32 {
    let (share, slope) = logistic_and_slope(QUICK_SCALE * x);
    share + QUICK_SCALE * x * slope
}

#[inline(always)]
pub(super) fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
pub(super) fn relu_slope(x: f32) -> f32 {
    if x > 0.0 { 1.0 } else { 0.0 }
}

#[inline(always)]
pub(super) fn relu6(x: f32) -> f32 {
    at_most(6.0, relu(x))
}

#[inline(always)]
pub(super) fn relu6_slope(x: f32) -> f32 {
    let slope = relu_slope(x);
    if x < 6.0 { slope } else { 0.0 }
}

#[inline(always)]
pub(super) fn relu_squared(x: f32) -> f32 {
    relu(x) * relu(x)
}

#[inline(always)]
pub(super) fn relu_squared_slope(x: f32) -> f32 {
    2.0 * relu(x)
}

#[inline(always)]
pub(super) fn sigmoid_slope(x: f32) -> f32 {
    logistic_and_slope(x).1
}

#[inline(always)]
pub(super) fn silu(x: f32) -> f32 {
    x * logistic(x)
}

#[inline(always)]
pub(super) fn silu_slope(x: f32) -> f32 {
    let (share, slope) = logistic_and_slope(x);
    share + x * slope
}

#[inline(always)]
pub(super) fn sqrt_softplus(x: f32) -> f32 {
    softplus_roots(x).0
}

#[inline(always)]
pub(super) fn sqrt_softplus_slope(x: f32) -> f32 {
    softplus_roots(x).1
}

/// Returns `sqrt(ln(1 + e^x))` and its derivative. Below zero `e^(x/2)` is factored out, so that both factors
/// stay in range.
#[inline(always)]
fn softplus_roots(x: f32) -> (f32, f32) {
    let half = exp(-0.5 * x.abs());
    let power = half * half;
    let fraction = ln_one_plus_over(power);
    let (below, above) = (fraction.sqrt(), (x + power * fraction).sqrt());
    let (value, slope) = if x < 0.0 {
        (half * below, half / below)
    } else {
        (above, 1.0 / above)
    };
    (value, 0.5 * slope / (1.0 + power))
}

/// Returns the derivative of `tanh`. It uses that the logistic function of `2x` is `(1 + tanh(x)) / 2`.
#[inline(always)]
pub(super) fn tanh_slope(x: f32) -> f32 {
    4.0 * logistic_and_slope(2.0 * x).1
}

#[inline(always)]
fn at_most(bound: f32, x: f32) -> f32 {
    if x > bound { bound } else { x }
}
