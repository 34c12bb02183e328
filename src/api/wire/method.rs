//! How to score and to repair, on the wire; and the words of closed lists.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mirror::mirror;
use crate::job::Device;
use crate::prune::recipe::{
    Compensation, Estimator, Importance, LabelReading, Method, TokenWeights, Trajectory,
};

/// How units are scored and how the cut model is repaired. Every field has a default.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MethodBody {
    pub(crate) importance: ImportanceBody,
    pub(crate) estimator: EstimatorBody,
    pub(crate) trajectory: TrajectoryBody,
    pub(crate) compensation: CompensationBody,
    pub(crate) token_weights: TokenWeightsBody,
    /// Whether sketched scores are held against exact ones on a sample; the report has an `audit` then.
    pub(crate) audit: bool,
    /// Drawn rows that scoring looks at.
    #[schema(minimum = 1, maximum = 4096)]
    pub(crate) scoring_samples: usize,
    /// Token rows in the Gram matrices.
    #[schema(minimum = 2, maximum = 8192)]
    pub(crate) gram_tokens: usize,
    /// Weight of the logits' term.
    #[schema(minimum = 0, maximum = 1_000_000.0)]
    pub(crate) logit_weight: f64,
    /// In how many steps units are taken out, with a repair and new scores between them.
    #[schema(minimum = 1, maximum = 8)]
    pub(crate) rounds: usize,
    /// Exponent of the local term.
    #[schema(minimum = 0, maximum = 1)]
    pub(crate) local_weight: f64,
    /// Softens both distributions in the logits' term.
    #[schema(minimum = 0.001, maximum = 1000.0)]
    pub(crate) temperature: f64,
    /// Ridge toward the original weights.
    #[schema(minimum = 0.000000001, maximum = 1000.0)]
    pub(crate) ridge: f64,
}

mirror!(
    /// What a unit's removal is judged by.
    ImportanceBody of Importance {
        /// The trajectory of features and logits, with the local term where it has a weight.
        Optin,
        /// The paper's formula, whatever the weights.
        Paper,
        /// The logits' divergence alone, and the local term.
        Fisher
    }
);
mirror!(
    /// How an importance is computed.
    EstimatorBody of Estimator {
        /// Each unit is taken out in turn.
        Exact,
        /// Heads in turn; all other units by random probes, all at once.
        Sketch
    }
);
mirror!(
    /// How the terms of later layers are combined.
    TrajectoryBody of Trajectory {
        /// Their sum, as in the paper.
        Sum,
        /// Their mean.
        Mean
    }
);
mirror!(
    /// What is done to the kept weights.
    CompensationBody of Compensation {
        /// Each projection that lost inputs is solved again.
        LeastSquares,
        /// Only the biases are.
        Bias,
        /// Nothing.
        None
    }
);
mirror!(
    /// Which tokens a repair fits most closely.
    TokenWeightsBody of TokenWeights {
        /// Those that the logits depend on.
        Sensitivity,
        /// All alike.
        Uniform
    }
);

mirror!(
    /// How a label column names classes.
    LabelReadingBody of LabelReading {
        /// By the names of `id2label`.
        Names,
        /// By their indices, from 0.
        Indices
    }
);

mirror!(
    /// On what a job runs.
    DeviceBody of Device {
        /// The processor.
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
