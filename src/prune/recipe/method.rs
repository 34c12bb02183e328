//! The method of a job: how units are scored and selected, and how the pruned model is repaired.
//! Source: the parameters are those of the paper, section 4 and appendix A.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumMessage, IntoStaticStr, VariantArray};

use crate::model::batch::{Reads, Resolution};
pub use crate::model::unit::Units;

/// How units are scored and how the pruned model is repaired.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Method {
    /// Criterion that scores units.
    pub importance: Importance,
    /// How scores are computed.
    pub estimator: Estimator,
    /// Units of attention layers.
    pub units: Units,
    /// What a feature term compares.
    pub feature_term: FeatureTerm,
    /// What the answer term compares.
    pub answer_term: AnswerTerm,
    /// How the feature terms of later layers are combined.
    pub trajectory: Trajectory,
    /// How the remaining weights are repaired after units are removed.
    pub compensation: Compensation,
    /// Weights of positions in the repair.
    #[serde(alias = "token_weights")]
    pub position_weights: PositionWeights,
    /// Whether a score audit is made: sketched scores are compared with exact scores on a sample of the units. Its
    /// result is `audit` of the report.
    pub audit: bool,
    /// Maximum number of sampled calibration rows that scoring uses.
    #[schemars(range(min = 1, max = 4_096))]
    pub scoring_samples: usize,
    /// Maximum number of positions in the Gram matrix of a row, which compares the features of two models. Of a longer
    /// row, so many positions are sampled.
    #[schemars(range(min = 2, max = 8_192))]
    #[serde(alias = "gram_tokens")]
    pub gram_positions: usize,
    /// Weight of the answer term (`lambda` in the paper), after it and the feature terms are scaled to mean 1.
    #[schemars(range(min = 0, max = 1_000_000))]
    #[serde(alias = "logit_weight")]
    pub answer_weight: f64,
    /// Number of pruning rounds. After each round except the last, the model is repaired and scored again.
    #[schemars(range(min = 1, max = 8))]
    pub rounds: usize,
    /// Exponent `w` of the local term. The importance is `trajectory^(1 - w) * local^w`, so 0 omits the local term. The
    /// local term is the contribution of a unit to its own layer.
    #[schemars(range(min = 0, max = 1))]
    pub local_weight: f64,
    /// Temperature of both distributions in the answer term (`T` in the paper). Higher values soften them.
    #[schemars(range(min = 0.001, max = 1_000))]
    pub temperature: f64,
    /// Strength of the ridge penalty that keeps repaired weights close to the original weights. It is relative to the
    /// mean diagonal of the Gram matrix.
    #[schemars(range(min = 1e-9, max = 1_000))]
    pub ridge: f64,
}

impl Method {
    /// Replaces `auto` by what it stands for, for a model that reads this kind of rows.
    #[must_use]
    pub fn for_model(self, reads: &Reads) -> Self {
        let (importance, trajectory, compensation, position_weights) = match reads.resolution() {
            Resolution::Constant => (
                Importance::Optin,
                Trajectory::Sum,
                Compensation::LeastSquares,
                PositionWeights::Sensitivity,
            ),
            Resolution::Staged => (
                Importance::Optin,
                Trajectory::Sum,
                Compensation::Joint,
                PositionWeights::Sensitivity,
            ),
            Resolution::Maps => (
                Importance::AfterRepair,
                Trajectory::Mean,
                Compensation::Joint,
                PositionWeights::Uniform,
            ),
        };
        Self {
            importance: match self.importance {
                Importance::Auto => importance,
                chosen => chosen,
            },
            trajectory: match self.trajectory {
                Trajectory::Auto => trajectory,
                chosen => chosen,
            },
            compensation: match self.compensation {
                Compensation::Auto => compensation,
                chosen => chosen,
            },
            position_weights: match self.position_weights {
                PositionWeights::Auto => position_weights,
                chosen => chosen,
            },
            ..self
        }
    }
}

impl Default for Method {
    fn default() -> Self {
        Self {
            importance: Importance::Auto,
            estimator: Estimator::Sketch,
            units: Units::Dimensions,
            feature_term: FeatureTerm::Pairs,
            answer_term: AnswerTerm::Answers,
            trajectory: Trajectory::Auto,
            compensation: Compensation::Auto,
            position_weights: PositionWeights::Auto,
            audit: false,
            scoring_samples: 128,
            gram_positions: 64,
            answer_weight: 1.0,
            rounds: 1,
            local_weight: 0.0,
            temperature: 4.0,
            ridge: 1e-2,
        }
    }
}

/// Criterion that scores units.
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
    EnumMessage,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Importance {
    /// `after_repair` for convolutional networks, and `optin` for all others.
    Auto,
    /// The change of later features (feature terms) and of the answers (answer term), called the trajectory, together
    /// with the local term if `local_weight` is above 0.
    Optin,
    /// The formula of the OPTIN paper: the sum of the feature terms, plus a tenth of the answer term. Ignores
    /// `trajectory`, `answer_weight` and `local_weight`.
    Paper,
    /// The answer term, which is the Fisher information of the masks on unlabeled rows, together with the local term if
    /// `local_weight` is above 0 (as in K-prune, Park et al. 2024). Ignores the feature terms.
    Fisher,
    /// The importance of `optin`, corrected by the divergence of the answers that is left after a part of a layer's units is
    /// removed and the layer alone is repaired. Units of attention layers and inner channels keep the importance of `optin`.
    AfterRepair,
}

/// How scores are computed.
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
    EnumMessage,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    /// Removes each unit in turn and runs the rest of the model.
    Exact,
    /// Removes each whole attention head in turn, and estimates all other units together from random probes.
    /// Much faster. An architecture without a backward pass uses `exact` instead, and the report says so.
    Sketch,
}

impl Estimator {
    /// Returns the estimator's name as used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What the term of one feature compares. The vectors of all positions are first scaled to length 1.
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
    EnumMessage,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum FeatureTerm {
    /// The products of all pairs of positions of a row, as in the OPTIN paper (manifold distillation).
    Pairs,
    /// The vector of each position.
    Vectors,
    /// The mean vector of a row.
    Mean,
}

/// What the answer term compares.
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
    EnumMessage,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum AnswerTerm {
    /// The answers: for a segmentation, the classes of the pixels.
    Answers,
    /// The parts from which a segmentation is computed: the class of each query, and its mask at each pixel. Models
    /// other than Mask2Former compare the answers.
    Parts,
}

/// How the feature terms of later layers are combined.
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
    EnumMessage,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Trajectory {
    /// The mean for convolutional networks, which have many features, and the sum for all others.
    Auto,
    /// Their sum, as in the OPTIN paper. Units of early layers get higher scores, because more features follow them.
    Sum,
    /// Their mean. Early and late layers are scored on the same scale.
    Mean,
}

/// How the remaining weights are repaired.
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
    EnumMessage,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Compensation {
    /// `joint` for convolutional networks and Swin transformers, and `least_squares` for all others.
    Auto,
    /// Does what `least_squares` does, and also refits the map that computes the units of a block, if it has one, together
    /// with the projection.
    Joint,
    /// Refits the weights and biases of each projection whose inputs were pruned, by least squares, from the first block
    /// to the last.
    LeastSquares,
    /// Refits only the biases of these projections.
    Bias,
    /// No repair.
    None,
}

/// Weights of positions in the repair.
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
    EnumMessage,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum PositionWeights {
    /// Equal weights for convolutional networks, and sensitivity for all others.
    Auto,
    /// Positions count by their effect on the answers. In an architecture without a backward pass, all positions count
    /// equally.
    Sensitivity,
    /// All positions count equally.
    Uniform,
}
