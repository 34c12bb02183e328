//! The method of a job on the wire, and its enums.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mirror::mirror;
use crate::job::Device;
use crate::prune::recipe::{
    Compensation, Estimator, Importance, LabelReading, Method, PositionWeights, Trajectory,
};

/// How units are scored and how the pruned model is repaired.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(default)]
#[schema(as = Method)]
pub(crate) struct MethodBody {
    /// Criterion that scores units.
    pub(crate) importance: ImportanceBody,
    /// How scores are computed.
    pub(crate) estimator: EstimatorBody,
    /// How the feature terms of later layers are combined.
    pub(crate) trajectory: TrajectoryBody,
    /// How the remaining weights are repaired after units are removed.
    pub(crate) compensation: CompensationBody,
    /// Weights of positions in the repair.
    pub(crate) position_weights: PositionWeightsBody,
    /// Whether to make a score audit: to compare sketched scores with exact scores on a sample of the units. Its result
    /// is `audit` of the report.
    pub(crate) audit: bool,
    /// Maximum number of sampled calibration rows that scoring uses, from 1 to 4096.
    #[schema(minimum = 1, maximum = 4096)]
    pub(crate) scoring_samples: usize,
    /// Number of sampled positions in the Gram matrices, which compare the features of two models. From 2 to 8192.
    #[schema(minimum = 2, maximum = 8192)]
    pub(crate) gram_positions: usize,
    /// Weight of the answer term, from 0 to 1,000,000, after it and the feature terms are scaled to mean 1.
    #[schema(minimum = 0, maximum = 1_000_000.0)]
    pub(crate) answer_weight: f64,
    /// Number of pruning rounds, from 1 to 8. After each round except the last, the model is repaired and scored again.
    #[schema(minimum = 1, maximum = 8)]
    pub(crate) rounds: usize,
    /// Exponent `w` of the local term, from 0 to 1. The importance is `trajectory^(1 - w) * local^w`, so 0 omits the
    /// local term. The local term is the contribution of a unit to its own layer.
    #[schema(minimum = 0, maximum = 1)]
    pub(crate) local_weight: f64,
    /// Temperature of both distributions in the answer term, from 0.001 to 1000. Higher values soften them.
    #[schema(minimum = 0.001, maximum = 1000.0)]
    pub(crate) temperature: f64,
    /// Strength of the ridge penalty that keeps repaired weights close to the original weights, from 1e-9 to 1000. It
    /// is relative to the mean diagonal of the Gram matrix.
    #[schema(minimum = 0.000000001, maximum = 1000.0)]
    pub(crate) ridge: f64,
}

mirror!(
    /// Criterion that scores units.
    ImportanceBody of Importance as "Importance" {
        /// The change of later features (feature terms) and of the answers (answer term), called the trajectory, together
        /// with the local term if `local_weight` is above 0.
        Optin,
        /// The formula of the OPTIN paper. Ignores `trajectory`, `answer_weight` and `local_weight`.
        Paper,
        /// The answer term, together with the local term if `local_weight` is above 0. Ignores the feature terms.
        Fisher
    }
);
mirror!(
    /// How scores are computed.
    EstimatorBody of Estimator as "Estimator" {
        /// Removes each unit in turn and runs the rest of the model.
        Exact,
        /// Removes each head in turn, and estimates all other units together from random probes. Much faster.
        Sketch
    }
);
mirror!(
    /// How the feature terms of later layers are combined.
    TrajectoryBody of Trajectory as "Trajectory" {
        /// Their sum, as in the OPTIN paper. Units of early layers get higher scores.
        Sum,
        /// Their mean. Early and late layers are scored on the same scale.
        Mean
    }
);
mirror!(
    /// How the remaining weights are repaired.
    CompensationBody of Compensation as "Compensation" {
        /// Refits the weights and biases of each projection whose inputs were pruned, by least squares.
        LeastSquares,
        /// Refits only the biases of these projections.
        Bias,
        /// No repair.
        None
    }
);
mirror!(
    /// Weights of positions in the repair.
    PositionWeightsBody of PositionWeights as "PositionWeights" {
        /// Positions count by their effect on the answers.
        Sensitivity,
        /// All positions count equally.
        Uniform
    }
);

mirror!(
    /// How a label column identifies classes.
    LabelReadingBody of LabelReading as "LabelReading" {
        /// By the names in `id2label`.
        Names,
        /// By index, starting at 0.
        Indices
    }
);

mirror!(
    /// Device that a job runs on.
    DeviceBody of Device as "Device" {
        /// A CPU.
        Cpu,
        /// An NVIDIA GPU.
        Cuda
    }
);

#[expect(clippy::derivable_impls, reason = "the macro derives the same for all")]
impl Default for DeviceBody {
    fn default() -> Self {
        Self::Cpu
    }
}

impl Default for MethodBody {
    fn default() -> Self {
        Method::default().into()
    }
}

impl From<Method> for MethodBody {
    fn from(method: Method) -> Self {
        Self {
            importance: method.importance.into(),
            estimator: method.estimator.into(),
            trajectory: method.trajectory.into(),
            compensation: method.compensation.into(),
            position_weights: method.position_weights.into(),
            audit: method.audit,
            scoring_samples: method.scoring_samples,
            gram_positions: method.gram_positions,
            answer_weight: method.answer_weight,
            rounds: method.rounds,
            local_weight: method.local_weight,
            temperature: method.temperature,
            ridge: method.ridge,
        }
    }
}

impl From<MethodBody> for Method {
    fn from(body: MethodBody) -> Self {
        Self {
            importance: body.importance.into(),
            estimator: body.estimator.into(),
            trajectory: body.trajectory.into(),
            compensation: body.compensation.into(),
            position_weights: body.position_weights.into(),
            audit: body.audit,
            scoring_samples: body.scoring_samples,
            gram_positions: body.gram_positions,
            answer_weight: body.answer_weight,
            rounds: body.rounds,
            local_weight: body.local_weight,
            temperature: body.temperature,
            ridge: body.ridge,
        }
    }
}
