//! The target of a job: the quantity that it limits, and the fraction of it to keep.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumMessage, IntoStaticStr, VariantArray};

use super::range::check;
use crate::prune::failure::{Code, Failure};

/// The size of the pruned model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// The quantity that `keep` limits.
    pub metric: Metric,
    /// Fraction to keep (above 0, below 1).
    pub keep: f64,
    /// How far the result may be below `keep`, as a fraction of `keep`.
    #[schemars(range(min = 0.0001, max = 0.5))]
    pub tolerance: f64,
}

/// The quantity that a target limits.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
    EnumMessage,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Floating-point operations of one forward pass of a row, on average over the calibration rows.
    #[default]
    Flops,
    /// Number of parameters, including those of the embeddings.
    Params,
    /// Time of one forward pass of eight rows of the mean length of the calibration rows, measured on the machine that
    /// runs the job. The target is a percentage of the original time. Two jobs with the same request can keep different
    /// units.
    LatencyMs,
}

impl Metric {
    /// Returns the metric's name as used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns a noun for messages.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Flops => "FLOPs",
            Self::Params => "parameters",
            Self::LatencyMs => "latency",
        }
    }
}

impl Target {
    /// Parses the fraction to KEEP, for example `"60%"`. A number without a percent sign is rejected as ambiguous.
    ///
    /// # Errors
    /// Returns [`Code::InvalidTarget`] if the text is not a percentage strictly between 0 % and 100 %.
    pub fn parse_keep(written: &str) -> Result<f64, Failure> {
        let wrong = |why: &str| {
            Failure::new(
                Code::InvalidTarget,
                format!(
                    "target \"{written}\" {why}; write the fraction to KEEP as a percentage strictly between 0% and 100%, for example \"60%\""
                ),
            )
        };
        let number = written
            .strip_suffix('%')
            .ok_or_else(|| wrong("has no % sign"))?;
        // `f64::from_str` also accepts signs, exponents and "infinity". Only digits and one point are allowed.
        let plain = !number.is_empty()
            && number
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
        let percent: f64 = number
            .parse()
            .ok()
            .filter(|_| plain)
            .ok_or_else(|| wrong("is not a number"))?;
        if !(percent > 0.0 && percent < 100.0) {
            return Err(wrong("is out of range"));
        }
        Ok(percent / 100.0)
    }

    /// Checks the ranges of the target's fields.
    ///
    /// # Errors
    /// Returns [`Code::InvalidRecipe`] or [`Code::InvalidTarget`] with the field and its range.
    pub fn validated(self) -> Result<Self, Failure> {
        check("target", &self)?;
        if !(self.keep > 0.0 && self.keep < 1.0) {
            return Err(Failure::new(
                Code::InvalidTarget,
                format!(
                    "target.keep is {}; it must be strictly between 0 and 1",
                    self.keep
                ),
            ));
        }
        Ok(self)
    }
}
