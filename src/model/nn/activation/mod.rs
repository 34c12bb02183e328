//! Activation functions, by the names of `hidden_act` in `config.json`.
//!
//! These are all functions of a single number in the table `ACT2FN` of Hugging Face transformers 4.57 and 5.

mod symbols;
mod tensors;

use std::fmt;

/// Declares the enum from a table with the formula and the names of each function.
macro_rules! activations {
    ($($variant:ident: $formula:literal, $first:literal $(, $other:literal)*;)+) => {
        /// An activation function between the two linear maps of a feed-forward layer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Activation {
            $(
                #[doc = concat!($formula, " (`", $first, "`" $(, ", `", $other, "`")*, ").")]
                $variant,
            )+
        }

        impl Activation {
            /// All functions.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// All names that [`named`](Self::named) accepts.
            pub const NAMES: &'static [&'static str] = &[$($first $(, $other)*),+];

            /// Returns the names of this function.
            #[must_use]
            pub const fn names(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => &[$first $(, $other)*],)+
                }
            }
        }
    };
}

activations! {
    Gelu: "`x P(X <= x)` for a standard normal `X`: the exact GELU", "gelu", "gelu_python";
    GeluClipped: "The exact GELU, at most 10", "gelu_10";
    GeluTanh: "GELU by its tanh approximation",
        "gelu_new", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_fast", "gelu_accurate";
    HardSwish: "`x min(max(x + 3, 0), 6) / 6`", "hardswish";
    Laplace: "`P(X <= x)` for a normal `X` of mean 0.707107 and standard deviation 0.282095", "laplace";
    LeakyRelu: "`x` above zero, `0.01 x` elsewhere", "leaky_relu";
    Linear: "`x` itself", "linear";
    Mish: "`x tanh(ln(1 + e^x))`", "mish";
    QuickGelu: "`x / (1 + e^(-1.702 x))`", "quick_gelu";
    Relu: "`max(x, 0)`", "relu";
    Relu6: "`min(max(x, 0), 6)`", "relu6";
    ReluSquared: "`max(x, 0)^2`", "relu2";
    Sigmoid: "`1 / (1 + e^-x)`", "sigmoid";
    Silu: "`x / (1 + e^-x)`", "silu", "swish";
    SqrtSoftplus: "`sqrt(ln(1 + e^x))`", "sqrtsoftplus";
    Tanh: "`tanh(x)`", "tanh";
}

/// The upper bound of [`Activation::GeluClipped`]. GELU never reaches the lower bound, -10.
pub(super) const GELU_CLIP: f64 = 10.0;
/// The factor of the cube in [`Activation::GeluTanh`].
pub(super) const GELU_CUBIC: f64 = 0.044_715;
/// The mean of [`Activation::Laplace`].
#[expect(clippy::approx_constant, reason = "transformers has these six digits")]
pub(super) const LAPLACE_MEAN: f64 = 0.707_107;
/// The standard deviation of [`Activation::Laplace`].
pub(super) const LAPLACE_DEVIATION: f64 = 0.282_095;
/// The slope of [`Activation::LeakyRelu`] below zero.
pub(super) const LEAK: f64 = 0.01;
/// The scale of [`Activation::QuickGelu`].
pub(super) const QUICK_SCALE: f64 = 1.702;

impl Activation {
    /// Names in the table of transformers whose functions have learned weights. They are not supported.
    pub const LEARNED: &'static [&'static str] = &["prelu", "xielu"];

    /// Returns the function with this name.
    ///
    /// # Errors
    /// Returns [`Unsupported`] if no supported function has this name.
    pub fn named(name: &str) -> Result<Self, Unsupported> {
        let known = Self::ALL.iter().find(|known| known.names().contains(&name));
        known.copied().ok_or_else(|| Unsupported(name.to_owned()))
    }
}

/// An unsupported name. Its `Display` text contains the name, the reason if there is one, and the supported names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported(String);

impl fmt::Display for Unsupported {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name) = self;
        write!(out, "\"{name}\"")?;
        if Activation::LEARNED.contains(&name.as_str()) {
            write!(out, ", a function with learned weights")?;
        }
        write!(
            out,
            ", which is not supported; supported functions: {}",
            Activation::NAMES.join(", ")
        )
    }
}
