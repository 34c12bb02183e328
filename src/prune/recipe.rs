//! What to do, in a form that can only be valid.
//!
//! In: the fields of a request or of a command line, as text and numbers. Out: a [`Recipe`], which
//! every later stage trusts without a second check. It knows ranges and defaults; it never knows
//! where a URI leads nor who asked.
//! Source: the method's parameters are those of the paper, section 4 and appendix A.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::failure::{Code, Failure};
pub use super::search::constraints::Constraints;
pub use crate::data::format as data_format;
pub use crate::data::label::LabelReading;
pub use crate::data::mapping::Mapping;

/// Everything that decides the outcome of a job: two equal recipes over equal bytes give equal
/// results on one kind of machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recipe {
    /// The checkpoint to prune.
    pub model: Source,
    /// Unlabelled examples that scoring and repair look at.
    pub calibration: Calibration,
    /// Labelled examples that only verification looks at.
    pub evaluation: Option<Evaluation>,
    /// How much to keep.
    pub target: Target,
    /// What the choice must respect besides its target.
    #[serde(default)]
    pub constraints: Constraints,
    /// How to choose and how to repair.
    pub method: Method,
}

impl Recipe {
    /// Everything that the recipe reads: the model, then the data.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        let evaluation = self.evaluation.iter();
        [&self.model, &self.calibration.source]
            .into_iter()
            .chain(evaluation.map(|evaluation| &evaluation.source))
    }
}

/// Where a folder or a file is to be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// `file:///absolute/path`; resolved by whoever runs the recipe.
    pub uri: String,
    /// Which content is meant, where the URI alone does not say so: what whoever accepted the recipe found there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Source {
    /// Whatever is at this URI when it is read.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            version: None,
        }
    }
}

/// The examples that scoring and repair look at. Their labels are never read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// A data file, or a folder of shards.
    #[serde(flatten)]
    pub source: Source,
    /// Which columns to read.
    pub mapping: Mapping,
    /// At most so many rows are drawn (1 to 100,000).
    pub max_samples: usize,
    /// Drawing ends with the row that brings their tokens to so many (1 to 100,000,000).
    #[serde(default = "Calibration::default_max_tokens")]
    pub max_tokens: usize,
    /// Seeds the draw of rows and of token rows.
    pub seed: u64,
}

impl Calibration {
    /// Rows that are drawn unless someone says otherwise; short texts need many.
    pub const DEFAULT_MAX_SAMPLES: usize = 8_192;

    /// Tokens that end the draw unless someone says otherwise: the repair has as many unknowns in each of its
    /// rows as a layer has neurons, and is to have many times as many tokens to find them by.
    pub const DEFAULT_MAX_TOKENS: usize = 1 << 17;

    fn default_max_tokens() -> usize {
        Self::DEFAULT_MAX_TOKENS
    }
}

/// The labelled examples that verification measures the model on, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evaluation {
    /// A data file, or a folder of shards.
    #[serde(flatten)]
    pub source: Source,
    /// Which columns to read.
    pub mapping: Mapping,
    /// At most so many rows are used, from the top; `None` uses all.
    pub max_samples: Option<usize>,
}

/// How much of the model is KEPT.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// What the fraction is a fraction of.
    pub metric: Metric,
    /// The share to keep, strictly between 0 and 1.
    pub keep: f64,
    /// How far below `keep` the outcome may end, as a share of the target itself.
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
    /// Floating-point operations of one forward at the calibration set's mean length.
    Flops,
    /// Weights, those of the embeddings among them.
    Params,
    /// Time of one forward of eight rows of the calibration set's mean length, as measured on the machine that
    /// runs the job: two runs may choose differently.
    LatencyMs,
}

impl Metric {
    /// The metric as it is written in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What there is so much of.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Flops => "FLOPs",
            Self::Params => "parameters",
            Self::LatencyMs => "latency",
        }
    }
}

/// How units are scored and how the cut model is repaired.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Method {
    /// What a unit's removal is judged by.
    pub importance: Importance,
    /// How the importance is computed.
    pub estimator: Estimator,
    /// How the terms of the trajectory are combined.
    pub trajectory: Trajectory,
    /// What is done to the kept weights.
    pub compensation: Compensation,
    /// Which tokens the repair fits most closely.
    pub token_weights: TokenWeights,
    /// Whether sketched scores are held against exact ones on a sample, and the report says what came of it.
    pub audit: bool,
    /// Rows of the calibration draw that scoring looks at (1 to 4,096).
    pub scoring_samples: usize,
    /// Token rows in the Gram matrices (`K`; 2 to 8,192).
    pub gram_tokens: usize,
    /// Weight of the logits' term (`lambda`; 0 and up) once both terms have mean 1.
    pub logit_weight: f64,
    /// In how many steps units are taken out (1 to 8): what is left of the model is repaired and scored again
    /// after each but the last.
    pub rounds: usize,
    /// Exponent of the local term (0 to 1): the importance is `trajectory^(1 - w) * local^w`.
    pub local_weight: f64,
    /// Softens both distributions in the logits' term (`T`; above 0).
    pub temperature: f64,
    /// Ridge toward the original weights, as a share of the Gram matrix's mean diagonal.
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

/// What a unit's removal is judged by.
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
    /// The trajectory (manifold distillation of later features plus the logits' divergence), weighed as
    /// the method says, with the local term where it has a weight.
    Optin,
    /// The paper's formula: the manifold terms summed over the later features, plus a tenth of the
    /// logits' divergence. The weights and the trajectory of the method are not looked at.
    Paper,
    /// The logits' divergence alone, which is the Fisher information of the masks on unlabelled rows,
    /// and the local term (as K-prune does it, Park et al. 2024).
    Fisher,
}

/// How an importance is computed.
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
    /// Each unit is masked in turn and the rest of the model runs again.
    Exact,
    /// Heads as in `exact`; all other units by random probes, all at once. An architecture without a
    /// way back falls back to `exact`, and the report says so.
    Sketch,
}

impl Estimator {
    /// The estimator as it is written in JSON.
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
    /// Their sum, as in the paper: what is early counts for more.
    Sum,
    /// Their mean: early and late layers are judged on one scale.
    Mean,
}

/// What is done to the kept weights after the cut.
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
    /// Each projection that lost inputs is solved again, bottom-up.
    LeastSquares,
    /// Only the biases are.
    Bias,
    /// Nothing.
    None,
}

/// Which tokens a repair fits most closely.
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
    /// Those that the logits depend on. An architecture without a way back counts all alike.
    Sensitivity,
    /// All alike.
    Uniform,
}

impl Target {
    /// Reads `"60%"`: the share that is KEPT. A bare number is refused, for it could mean either.
    ///
    /// # Errors
    /// [`Code::InvalidTarget`] when the text is no percentage strictly between 0 % and 100 %.
    pub fn parse_keep(text: &str) -> Result<f64, Failure> {
        let wrong = |why: &str| {
            Failure::new(
                Code::InvalidTarget,
                format!(
                    "target \"{text}\" {why}; write the share to KEEP as a percentage strictly between 0% and 100%, for example \"60%\""
                ),
            )
        };
        let number = text
            .strip_suffix('%')
            .ok_or_else(|| wrong("has no % sign"))?;
        // Digits and one point only: no sign, no exponent, no "infinity".
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
    /// Checks its ranges.
    ///
    /// # Errors
    /// [`Code::InvalidRecipe`] or [`Code::InvalidTarget`], naming the field and its range.
    pub fn validated(self) -> Result<Self, Failure> {
        check("target.tolerance", self.tolerance, 1e-4, 0.5)?;
        if !(self.keep > 0.0 && self.keep < 1.0) {
            return Err(Failure::new(
                Code::InvalidTarget,
                format!(
                    "target.keep is {}; it must lie strictly between 0 and 1",
                    self.keep
                ),
            ));
        }
        Ok(self)
    }
}

impl Recipe {
    /// Checks every range once; after this the recipe is trusted.
    ///
    /// # Errors
    /// [`Code::InvalidRecipe`] or [`Code::InvalidTarget`], naming the field and its range.
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
        format!("{field} is {value}; it must lie between {low} and {high}"),
    ))
}
