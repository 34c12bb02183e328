//! The method of a job on the wire, and its enums.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mirror::mirror;
use crate::job::Device;
use crate::prune::recipe::{
    Compensation, Estimator, Importance, LabelReading, Method, TokenWeights, Trajectory,
};

/// How units are scored and how the pruned model is repaired.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = Method)]
pub(crate) struct MethodBody {
    /// Criterion that scores units.
    pub(crate) importance: ImportanceBody,
    /// How scores are computed.
    pub(crate) estimator: EstimatorBody,
    /// How the terms of later layers are combined.
    pub(crate) trajectory: TrajectoryBody,
    /// How the remaining weights are repaired.
    pub(crate) compensation: CompensationBody,
    /// Weights of tokens in the repair.
    pub(crate) token_weights: TokenWeightsBody,
    /// Whether to compare sketched scores with exact scores on a sample. The report then has an `audit`.
    pub(crate) audit: bool,
    /// Number of sampled rows for scoring.
    #[schema(minimum = 1, maximum = 4096)]
    pub(crate) scoring_samples: usize,
    /// Number of tokens in the Gram matrices.
    #[schema(minimum = 2, maximum = 8192)]
    pub(crate) gram_tokens: usize,
    /// Weight of the logit term of the importance.
    #[schema(minimum = 0, maximum = 1_000_000.0)]
    pub(crate) logit_weight: f64,
    /// Number of pruning rounds. The model is repaired and scored again after each round but the last.
    #[schema(minimum = 1, maximum = 8)]
    pub(crate) rounds: usize,
    /// Exponent of the local term of the importance.
    #[schema(minimum = 0, maximum = 1)]
    pub(crate) local_weight: f64,
    /// Temperature of both distributions in the logit term.
    #[schema(minimum = 0.001, maximum = 1000.0)]
    pub(crate) temperature: f64,
    /// Ridge penalty toward the original weights, relative to the mean diagonal of the Gram matrix.
    #[schema(minimum = 0.000000001, maximum = 1000.0)]
    pub(crate) ridge: f64,
}

mirror!(
    /// Criterion that scores units.
    ImportanceBody of Importance as "Importance" {
        /// The change of later features and of the logits (the trajectory), with the local term if `local_weight` is above 0.
        Optin,
        /// The formula of the paper. Ignores `trajectory`, `logit_weight` and `local_weight`.
        Paper,
        /// The divergence of the logits, with the local term. Ignores later features.
        Fisher
    }
);
mirror!(
    /// How scores are computed.
    EstimatorBody of Estimator as "Estimator" {
        /// Removes each unit in turn and runs the rest of the model.
        Exact,
        /// Removes each head in turn, and estimates all other units at once by random probes.
        Sketch
    }
);
mirror!(
    /// How the terms of later layers are combined.
    TrajectoryBody of Trajectory as "Trajectory" {
        /// Their sum, as in the paper.
        Sum,
        /// Their mean.
        Mean
    }
);
mirror!(
    /// How the remaining weights are repaired.
    CompensationBody of Compensation as "Compensation" {
        /// Solves each projection that lost inputs by least squares.
        LeastSquares,
        /// Adjusts biases only.
        Bias,
        /// No repair.
        None
    }
);
mirror!(
    /// Weights of tokens in the repair.
    TokenWeightsBody of TokenWeights as "TokenWeights" {
        /// Tokens count by their effect on the logits.
        Sensitivity,
        /// All tokens count equally.
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
        /// CPU.
        Cpu,
        /// NVIDIA GPU.
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
            token_weights: method.token_weights.into(),
            audit: method.audit,
            scoring_samples: method.scoring_samples,
            gram_tokens: method.gram_tokens,
            logit_weight: method.logit_weight,
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
            token_weights: body.token_weights.into(),
            audit: body.audit,
            scoring_samples: body.scoring_samples,
            gram_tokens: body.gram_tokens,
            logit_weight: body.logit_weight,
            rounds: body.rounds,
            local_weight: body.local_weight,
            temperature: body.temperature,
            ridge: body.ridge,
        }
    }
}
