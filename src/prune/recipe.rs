//! A validated pruning recipe.
//!
//! Input: the fields of a request or a command line, as text and numbers. Output: a [`Recipe`], which
//! later stages do not check again. This module defines ranges and defaults. It does not resolve URIs
//! and does not depend on the caller.
//! Source: the method's parameters are those of the paper, section 4 and appendix A.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::failure::{Code, Failure};
pub use super::search::constraints::Constraints;
pub use crate::data::format as data_format;
pub use crate::data::label::LabelReading;
pub use crate::data::mapping::Mapping;

/// Everything that determines the result of a job. Equal recipes over equal bytes give equal results on
/// the same kind of machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recipe {
    /// The checkpoint to prune.
    pub model: Source,
    /// Unlabeled examples, read by scoring and repair.
    pub calibration: Calibration,
    /// Labeled examples, read only by verification.
    pub evaluation: Option<Evaluation>,
    /// Fraction of the cost to keep.
    pub target: Target,
    /// Limits on the selection besides the target.
    #[serde(default)]
    pub constraints: Constraints,
    /// Settings of scoring, selection and repair.
    pub method: Method,
}

impl Recipe {
    /// Returns every source of the recipe: the model, then the data.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        let evaluation = self.evaluation.iter();
        [&self.model, &self.calibration.source]
            .into_iter()
            .chain(evaluation.map(|evaluation| &evaluation.source))
    }
}

/// Location of a folder or file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// A URI such as `file:///absolute/path`. The program that runs the recipe resolves it.
    pub uri: String,
    /// Version of the content, if the URI alone does not identify it. It is determined when the recipe is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Source {
    /// Creates a source without a version: the content at this URI when it is read.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            version: None,
        }
    }
}

/// The examples that scoring and repair read. Their labels are never read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// A data file, or a folder of shards.
    #[serde(flatten)]
    pub source: Source,
    /// Which columns to read.
    pub mapping: Mapping,
    /// Maximum number of rows to sample (1 to 100,000).
    pub max_samples: usize,
    /// Sampling stops after the row with which the number of tokens reaches this value (1 to 100,000,000).
    #[serde(default = "Calibration::default_max_tokens")]
    pub max_tokens: usize,
    /// Seed for the samples of rows and of token rows.
    pub seed: u64,
}

impl Calibration {
    /// Default of `max_samples`. Short texts need many rows.
    pub const DEFAULT_MAX_SAMPLES: usize = 8_192;

    /// Default of `max_tokens`. For each output, the repair fits as many unknowns as a layer has neurons. It
    /// needs many times as many tokens as unknowns.
    pub const DEFAULT_MAX_TOKENS: usize = 1 << 17;

    fn default_max_tokens() -> usize {
        Self::DEFAULT_MAX_TOKENS
    }
}

/// The labeled examples on which verification measures the model before and after pruning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evaluation {
    /// A data file, or a folder of shards.
    #[serde(flatten)]
    pub source: Source,
    /// Which columns to read.
    pub mapping: Mapping,
    /// Maximum number of rows to use, from the top of the file. `None` uses all rows.
    pub max_samples: Option<usize>,
}

/// How much of the model to KEEP.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// The quantity to which the fraction applies.
    pub metric: Metric,
    /// The fraction to keep, strictly between 0 and 1.
    pub keep: f64,
    /// How far the result may be below `keep`, as a fraction of `keep`.
    pub tolerance: f64,
}

/// The quantity that a target limits.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Floating-point operations of one forward pass at the calibration set's mean length.
    Flops,
    /// Number of weights, including those of the embeddings.
    Params,
    /// Time of one forward pass of eight rows of the calibration set's mean length, measured on the machine that
    /// runs the job. Two runs may select different units.
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

/// Settings of scoring, selection and repair.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Method {
    /// The criterion by which units are ranked.
    pub importance: Importance,
    /// How the importance is computed.
    pub estimator: Estimator,
    /// How the terms of the trajectory are combined.
    pub trajectory: Trajectory,
    /// How the kept weights are repaired.
    pub compensation: Compensation,
    /// Which tokens the repair fits most closely.
    pub token_weights: TokenWeights,
    /// Whether sketched scores are compared with exact ones on a sample. The report contains the result.
    pub audit: bool,
    /// Rows of the calibration sample that scoring reads (1 to 4,096).
    pub scoring_samples: usize,
    /// Token rows in the Gram matrices (`K`; 2 to 8,192).
    pub gram_tokens: usize,
    /// Weight of the logits term (`lambda`; 0 or more) after both terms are scaled to mean 1.
    pub logit_weight: f64,
    /// Number of rounds in which units are removed (1 to 8). After each round except the last, the remaining
    /// model is repaired and scored again.
    pub rounds: usize,
    /// Exponent of the local term (0 to 1): the importance is `trajectory^(1 - w) * local^w`.
    pub local_weight: f64,
    /// Temperature that softens both distributions in the logits term (`T`; 0.001 to 1,000).
    pub temperature: f64,
    /// Ridge toward the original weights, as a fraction of the Gram matrix's mean diagonal.
    pub ridge: f64,
}

impl Default for Method {
    fn default() -> Self {
        Self {
            importance: Importance::Optin,
            estimator: Estimator::Sketch,
            trajectory: Trajectory::Sum,
            compensation: Compensation::LeastSquares,
            token_weights: TokenWeights::Sensitivity,
            audit: false,
            scoring_samples: 128,
            gram_tokens: 768,
            logit_weight: 0.1,
            rounds: 1,
            local_weight: 0.0,
            temperature: 4.0,
            ridge: 1e-2,
        }
    }
}

/// The criterion by which units are ranked.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Importance {
    /// The trajectory: manifold distillation of the later features plus the divergence of the logits, weighted by
    /// the settings of the method, and the local term if its weight is not 0.
    Optin,
    /// The paper's formula: the sum of the manifold terms of the later features, plus a tenth of the
    /// divergence of the logits. `trajectory`, `logit_weight` and `local_weight` are ignored.
    Paper,
    /// The divergence of the logits alone, which is the Fisher information of the masks on unlabeled rows,
    /// and the local term (as in K-prune, Park et al. 2024).
    Fisher,
}

/// How the importance of units is computed.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    /// Each unit is masked in turn, and the rest of the model runs again.
    Exact,
    /// Heads as in `exact`. All other units are estimated together from random probes. An architecture
    /// without a backward pass uses `exact` instead, and the report says so.
    Sketch,
}

impl Estimator {
    /// Returns the estimator's name as used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How the manifold terms of the later features are combined.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Trajectory {
    /// Their sum, as in the paper. Units of early layers get higher scores, because more features follow them.
    Sum,
    /// Their mean. Early and late layers are scored on the same scale.
    Mean,
}

/// How the kept weights are repaired after pruning.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Compensation {
    /// Each projection that lost inputs is fitted again by least squares, from the first block to the last.
    LeastSquares,
    /// Only the biases of these projections are fitted again.
    Bias,
    /// The weights are not repaired.
    None,
}

/// Which tokens the repair fits most closely.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum TokenWeights {
    /// The tokens that the logits depend on. An architecture without a backward pass weights all tokens equally.
    Sensitivity,
    /// All tokens have the same weight.
    Uniform,
}

impl Target {
    /// Parses the fraction to KEEP, for example `"60%"`. A number without a percent sign is rejected as ambiguous.
    ///
    /// # Errors
    /// Returns [`Code::InvalidTarget`] if the text is not a percentage strictly between 0 % and 100 %.
    pub fn parse_keep(text: &str) -> Result<f64, Failure> {
        let wrong = |why: &str| {
            Failure::new(
                Code::InvalidTarget,
                format!(
                    "target \"{text}\" {why}; write the fraction to KEEP as a percentage strictly between 0% and 100%, for example \"60%\""
                ),
            )
        };
        let number = text
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
}

impl Target {
    /// Checks the ranges of the target's fields.
    ///
    /// # Errors
    /// Returns [`Code::InvalidRecipe`] or [`Code::InvalidTarget`] with the field and its range.
    pub fn validated(self) -> Result<Self, Failure> {
        check("target.tolerance", self.tolerance, 1e-4, 0.5)?;
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

impl Recipe {
    /// Checks all ranges. Later stages do not check them again.
    ///
    /// # Errors
    /// Returns [`Code::InvalidRecipe`] or [`Code::InvalidTarget`] with the field and its range.
    pub fn validated(self) -> Result<Self, Failure> {
        let Method {
            scoring_samples,
            gram_tokens,
            logit_weight,
            rounds,
            local_weight,
            temperature,
            ridge,
            ..
        } = self.method;
        check(
            "calibration.max_samples",
            self.calibration.max_samples as f64,
            1.0,
            100_000.0,
        )?;
        check(
            "calibration.max_tokens",
            self.calibration.max_tokens as f64,
            1.0,
            1e8,
        )?;
        check(
            "method.scoring_samples",
            scoring_samples as f64,
            1.0,
            4_096.0,
        )?;
        check("method.gram_tokens", gram_tokens as f64, 2.0, 8_192.0)?;
        check("method.logit_weight", logit_weight, 0.0, 1e6)?;
        check("method.rounds", rounds as f64, 1.0, 8.0)?;
        check("method.local_weight", local_weight, 0.0, 1.0)?;
        check("method.temperature", temperature, 1e-3, 1e3)?;
        check("method.ridge", ridge, 1e-9, 1e3)?;
        let Constraints {
            round_to, min_kept, ..
        } = self.constraints;
        check("constraints.round_to", round_to as f64, 1.0, 4_096.0)?;
        check("constraints.min_kept", min_kept as f64, 0.0, 1e6)?;
        self.target.validated()?;
        Ok(self)
    }
}

fn check(field: &str, value: f64, low: f64, high: f64) -> Result<(), Failure> {
    if value.is_finite() && (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Failure::new(
        Code::InvalidRecipe,
        format!("{field} is {value}; it must be between {low} and {high}"),
    ))
}
