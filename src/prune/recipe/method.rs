//! The method of a job: how units are scored and selected, and how the pruned model is repaired.
//! Source: the parameters are those of the paper, section 4 and appendix A.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::range::check;
use crate::prune::failure::Failure;

/// How units are scored and how the pruned model is repaired.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Method {
    /// Criterion that scores units.
    pub importance: Importance,
    /// How scores are computed.
    pub estimator: Estimator,
    /// How the feature terms of later layers are combined.
    pub trajectory: Trajectory,
    /// How the remaining weights are repaired after units are removed.
    pub compensation: Compensation,
    /// Weights of positions in the repair.
    #[serde(alias = "token_weights")]
    pub position_weights: PositionWeights,
    /// Whether a score audit is made: sketched scores are compared with exact scores on a sample of the units.
    pub audit: bool,
    /// Maximum number of sampled calibration rows that scoring uses (1 to 4,096).
    pub scoring_samples: usize,
    /// Number of sampled positions in the Gram matrices (`K`; 2 to 8,192), which compare the features of two models.
    #[serde(alias = "gram_tokens")]
    pub gram_positions: usize,
    /// Weight of the answer term (`lambda`; 0 to 1,000,000), after it and the feature terms are scaled to mean 1.
    #[serde(alias = "logit_weight")]
    pub answer_weight: f64,
    /// Number of pruning rounds (1 to 8). After each round except the last, the model is repaired and scored again.
    pub rounds: usize,
    /// Exponent `w` of the local term (0 to 1): the importance is `trajectory^(1 - w) * local^w`.
    pub local_weight: f64,
    /// Temperature of both distributions in the answer term (`T`; 0.001 to 1,000).
    pub temperature: f64,
    /// Strength of the ridge penalty that keeps repaired weights close to the original weights (1e-9 to 1,000),
    /// relative to the mean diagonal of the Gram matrix.
    pub ridge: f64,
}

impl Method {
    /// Checks the ranges of its numbers.
    ///
    /// # Errors
    /// Returns [`InvalidRecipe`](crate::prune::failure::Code::InvalidRecipe), which names the field and its range.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let Self {
            scoring_samples,
            gram_positions,
            answer_weight,
            rounds,
            local_weight,
            temperature,
            ridge,
            ..
        } = *self;
        check(
            "method.scoring_samples",
            scoring_samples as f64,
            1.0,
            4_096.0,
        )?;
        check("method.gram_positions", gram_positions as f64, 2.0, 8_192.0)?;
        check("method.answer_weight", answer_weight, 0.0, 1e6)?;
        check("method.rounds", rounds as f64, 1.0, 8.0)?;
        check("method.local_weight", local_weight, 0.0, 1.0)?;
        check("method.temperature", temperature, 1e-3, 1e3)?;
        check("method.ridge", ridge, 1e-9, 1e3)?;
        Ok(())
    }
}

impl Default for Method {
    fn default() -> Self {
        Self {
            importance: Importance::Optin,
            estimator: Estimator::Sketch,
            trajectory: Trajectory::Sum,
            compensation: Compensation::LeastSquares,
            position_weights: PositionWeights::Sensitivity,
            audit: false,
            scoring_samples: 128,
            gram_positions: 768,
            answer_weight: 0.1,
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
    /// The trajectory: manifold distillation of the later features plus the divergence of the answers, weighted by
    /// the settings of the method, and the local term if its weight is not 0.
    Optin,
    /// The paper's formula: the sum of the manifold terms of the later features, plus a tenth of the
    /// divergence of the answers. `trajectory`, `answer_weight` and `local_weight` are ignored.
    Paper,
    /// The divergence of the answers alone, which is the Fisher information of the masks on unlabeled rows,
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

/// Which positions the repair fits most closely.
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
pub enum PositionWeights {
    /// The positions that the answers depend on. An architecture without a backward pass weights all positions equally.
    Sensitivity,
    /// All positions have the same weight.
    Uniform,
}
