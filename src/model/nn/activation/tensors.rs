//! Activations and their derivatives with candle's own operations, on any device and float type.
//!
//! Exponents are never positive, so that nothing overflows. At kinks the derivatives are those of torch's
//! autograd. Values are clamped with comparisons, which keep a NaN, unlike candle's `relu` and `clamp`.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

use candle_core::{Result, Tensor};

use super::{
    Activation, GELU_CLIP, GELU_CUBIC, LAPLACE_DEVIATION, LAPLACE_MEAN, LEAK, QUICK_SCALE,
};

impl Activation {
    /// Applies the function to each element. A NaN stays a NaN.
    ///
    /// # Errors
    /// Does not fail for float tensors.
    pub fn forward(self, x: &Tensor) -> Result<Tensor> {
        match self {
            // Candle's `gelu` is the tanh approximation. In configurations, `gelu` is the exact function.
            Self::Gelu => x.gelu_erf(),
            Self::GeluClipped => at_most(GELU_CLIP, &x.gelu_erf()?),
            Self::GeluTanh => x.gelu(),
            Self::HardSwish => (x * at_most(6.0, &at_least_zero(&(x + 3.0)?)?)?)? / 6.0,
            Self::Laplace => normal(&((x - LAPLACE_MEAN)? / LAPLACE_DEVIATION)?),
            Self::LeakyRelu => x.gt(0.0)?.where_cond(x, &(x * LEAK)?),
            Self::Linear => Ok(x.clone()),
            Self::Mish => x * Mish::at(x)?.share,
            Self::QuickGelu => x * Logistic::at(&(x * QUICK_SCALE)?)?.share,
            Self::Relu => at_least_zero(x),
            Self::Relu6 => at_most(6.0, &at_least_zero(x)?),
            Self::ReluSquared => at_least_zero(x)?.sqr(),
            Self::Sigmoid => Ok(Logistic::at(x)?.share),
            Self::Silu => x * Logistic::at(x)?.share,
            Self::SqrtSoftplus => Ok(SqrtSoftplus::at(x)?.value),
            Self::Tanh => x.tanh(),
        }
    }

    /// Returns the derivative of [`forward`](Self::forward) at each element.
    ///
    /// # Errors
    /// Does not fail for float tensors.
    pub fn derivative(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Gelu => normal(x)? + (x * density(x)?)?,
            Self::GeluClipped => {
                let inside = x.gelu_erf()?.lt(GELU_CLIP)?;
                inside.where_cond(&Self::Gelu.derivative(x)?, &x.zeros_like()?)
            }
            Self::GeluTanh => {
                let scale = 2.0 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
                let square = x.sqr()?;
                let inner = ((x * ((&square * GELU_CUBIC)? + 1.0)?)? * scale)?;
                let inner_slope = (((square * (3.0 * GELU_CUBIC))? + 1.0)? * scale)?;
                let logistic = Logistic::at(&inner)?;
                logistic.share + (x * (logistic.slope * inner_slope)?)?
            }
            Self::HardSwish => {
                let middle = ((x / 3.0)? + 0.5)?;
                let upper = x.lt(3.0)?.where_cond(&middle, &x.ones_like()?)?;
                x.le(-3.0)?.where_cond(&x.zeros_like()?, &upper)
            }
            Self::Laplace => {
                density(&((x - LAPLACE_MEAN)? / LAPLACE_DEVIATION)?)? / LAPLACE_DEVIATION
            }
            Self::LeakyRelu => (x.gt(0.0)?.to_dtype(x.dtype())? * (1.0 - LEAK))? + LEAK,
            Self::Linear => x.ones_like(),
            Self::Mish => {
                let mish = Mish::at(x)?;
                mish.share + (x * mish.slope)?
            }
            Self::QuickGelu => {
                let logistic = Logistic::at(&(x * QUICK_SCALE)?)?;
                logistic.share + ((x * logistic.slope)? * QUICK_SCALE)?
            }
            Self::Relu => x.gt(0.0)?.to_dtype(x.dtype()),
            Self::Relu6 => x.gt(0.0)?.mul(&x.lt(6.0)?)?.to_dtype(x.dtype()),
            Self::ReluSquared => at_least_zero(x)? * 2.0,
            Self::Sigmoid => Ok(Logistic::at(x)?.slope),
            Self::Silu => {
                let logistic = Logistic::at(x)?;
                logistic.share + (x * logistic.slope)?
            }
            Self::SqrtSoftplus => Ok(SqrtSoftplus::at(x)?.slope),
            // The logistic function of 2x is (1 + tanh x) / 2.
            Self::Tanh => Logistic::at(&(x * 2.0)?)?.slope * 4.0,
        }
    }
}

fn at_least_zero(x: &Tensor) -> Result<Tensor> {
    x.lt(0.0)?.where_cond(&x.zeros_like()?, x)
}

fn at_most(bound: f64, x: &Tensor) -> Result<Tensor> {
    x.gt(bound)?.where_cond(&(x.ones_like()? * bound)?, x)
}

/// Returns `P(X <= x)` of the standard normal distribution.
fn normal(x: &Tensor) -> Result<Tensor> {
    ((x * FRAC_1_SQRT_2)?.erf()? * 0.5)? + 0.5
}

/// Returns the density of the standard normal distribution.
fn density(x: &Tensor) -> Result<Tensor> {
    (x.sqr()? * -0.5)?.exp()? * (0.5 / PI).sqrt()
}

/// `1 / (1 + e^-x)`.
struct Logistic {
    share: Tensor,
    slope: Tensor,
}

impl Logistic {
    fn at(x: &Tensor) -> Result<Self> {
        let power = x.abs()?.neg()?.exp()?;
        let rest = (&power + 1.0)?.recip()?;
        let share = x.lt(0.0)?.where_cond(&(&power * &rest)?, &rest)?;
        let slope = ((power * &rest)? * rest)?;
        Ok(Self { share, slope })
    }
}

/// `tanh(ln(1 + e^x))`, as a fraction of polynomials in `e^-|x|`.
struct Mish {
    share: Tensor,
    slope: Tensor,
}

impl Mish {
    fn at(x: &Tensor) -> Result<Self> {
        let negative = x.lt(0.0)?;
        let power = x.abs()?.neg()?.exp()?;
        let below = (&power * (&power + 2.0)?)?;
        let above = ((&power * 2.0)? + 1.0)?;
        let numerator = negative.where_cond(&below, &above)?;
        // The smaller of 1 and e^-x.
        let least = negative.where_cond(&x.ones_like()?, &power)?;
        let denominator = (&numerator + (least.sqr()? * 2.0)?)?;
        let share = (&numerator / &denominator)?;
        let slope = (((&power + 1.0)? * power)? * least)?;
        let slope = ((slope * 4.0)? / denominator.sqr()?)?;
        Ok(Self { share, slope })
    }
}

/// `sqrt(ln(1 + e^x))`. Below zero `e^(x/2)` is factored out, so that both factors stay in range.
struct SqrtSoftplus {
    value: Tensor,
    slope: Tensor,
}

impl SqrtSoftplus {
    fn at(x: &Tensor) -> Result<Self> {
        let negative = x.lt(0.0)?;
        let half = (x.abs()? * -0.5)?.exp()?;
        let power = half.sqr()?;
        // ln(1 + e) / e. The rounding of 1 + e affects numerator and denominator in the same way.
        let sum = (&power + 1.0)?;
        let rounded = (&sum - 1.0)?;
        let fraction = (sum.log()? / &rounded)?;
        let fraction = rounded.eq(0.0)?.where_cond(&x.ones_like()?, &fraction)?;
        let root = fraction.sqrt()?;
        let above = (x + (power * fraction)?)?.sqrt()?;
        let value = negative.where_cond(&(&half * &root)?, &above)?;
        let slope = negative.where_cond(&(half / root)?, &above.recip()?)?;
        let slope = ((slope / sum)? * 0.5)?;
        Ok(Self { value, slope })
    }
}
