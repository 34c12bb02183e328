//! The flags that say how to score and how to repair.

use clap::{Args, ValueEnum};

use crate::prune::recipe::{Compensation, Estimator, Importance, Method, TokenWeights, Trajectory};

/// How units are scored and how the cut model is repaired.
#[derive(Args)]
pub(in super::super) struct MethodFlags {
    /// Examples that scoring looks at, of those drawn
    #[arg(long, value_name = "ROWS", default_value_t = Method::default().scoring_samples)]
    scoring_samples: usize,
    /// What a unit's removal is judged by: trajectory and local term, the paper's formula, or the logits and
    /// the local term
    #[arg(long, value_enum, default_value_t = ImportanceFlag::Optin)]
    importance: ImportanceFlag,
    /// How units are scored: all at once by random probes, or one by one
    #[arg(long, value_enum, default_value_t = EstimatorFlag::Sketch)]
    estimator: EstimatorFlag,
    /// How the terms of later layers are combined
    #[arg(long, value_enum, default_value_t = TrajectoryFlag::Sum)]
    trajectory: TrajectoryFlag,
    /// Weight of the logits' term beside the manifold terms
    #[arg(long, value_name = "LAMBDA", default_value_t = Method::default().logit_weight)]
    logit_weight: f64,
    /// In how many steps units are taken out, with a repair and new scores between them
    #[arg(long, value_name = "N", default_value_t = Method::default().rounds)]
    rounds: usize,
    /// Exponent of the local term, 0 to 1
    #[arg(long, value_name = "WEIGHT", default_value_t = Method::default().local_weight)]
    local_weight: f64,
    /// What is done to the kept weights
    #[arg(long, value_enum, default_value_t = CompensationFlag::LeastSquares)]
    compensation: CompensationFlag,
    /// Which tokens the repair fits most closely
    #[arg(long, value_enum, default_value_t = TokenWeightsFlag::Sensitivity)]
    token_weights: TokenWeightsFlag,
    /// Hold sketched scores against exact ones on a sample, and report what came of it
    #[arg(long)]
    audit: bool,
}

macro_rules! words {
    ($name:ident of $core:ident { $($variant:ident),+ }) => {
        #[derive(Clone, Copy, ValueEnum)]
        #[value(rename_all = "snake_case")]
        enum $name { $($variant),+ }

        impl From<$name> for $core {
            fn from(flag: $name) -> Self {
                match flag { $($name::$variant => Self::$variant),+ }
            }
        }
    };
}

words!(ImportanceFlag of Importance { Optin, Paper, Fisher });
words!(EstimatorFlag of Estimator { Sketch, Exact });
words!(TrajectoryFlag of Trajectory { Sum, Mean });
words!(CompensationFlag of Compensation { LeastSquares, Bias, None });
words!(TokenWeightsFlag of TokenWeights { Sensitivity, Uniform });

impl MethodFlags {
    pub(in super::super) fn method(&self) -> Method {
        Method {
            importance: self.importance.into(),
            estimator: self.estimator.into(),
            trajectory: self.trajectory.into(),
            compensation: self.compensation.into(),
            token_weights: self.token_weights.into(),
            audit: self.audit,
            scoring_samples: self.scoring_samples,
            logit_weight: self.logit_weight,
            rounds: self.rounds,
            local_weight: self.local_weight,
            ..Method::default()
        }
    }
}
