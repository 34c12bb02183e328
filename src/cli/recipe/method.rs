//! Flags that set how units are scored and how the pruned model is repaired.

use clap::Args;

use super::super::one_of::one_of;
use crate::prune::recipe::{
    Compensation, Estimator, Importance, Method, PositionWeights, Trajectory,
};

/// Help heading of these flags.
pub(in super::super) const METHOD_HEADING: &str = "Method options";

/// The scoring method, without the parts that a score audit fixes.
#[derive(Args)]
#[command(next_help_heading = METHOD_HEADING)]
pub(in super::super) struct ScoringFlags {
    /// Maximum number of sampled rows for scoring (1 to 4096)
    #[arg(long, value_name = "ROWS", default_value_t = Method::default().scoring_samples)]
    scoring_samples: usize,
    /// Criterion for the importance of a unit
    ///
    /// Three terms measure the effect of removing a unit: the feature terms (change of the features
    /// of later layers), the answer term (change of the answers) and the local term (contribution to
    /// the output of its own block).
    ///
    /// - optin:  all terms with adjustable weights; by default, the weight of the local term is 0
    /// - paper:  the formula of the paper, which fixes the weights and has no local term
    /// - fisher: the answer term, and the local term if --local-weight is above 0
    #[arg(long, verbatim_doc_comment, value_parser = one_of::<Importance>(), default_value = <&str>::from(Method::default().importance))]
    importance: Importance,
    /// How to combine the feature terms of later layers; the paper uses their sum
    #[arg(long, value_parser = one_of::<Trajectory>(), default_value = <&str>::from(Method::default().trajectory))]
    trajectory: Trajectory,
    /// Weight of the answer term relative to the feature terms (0 to 1000000)
    #[arg(long, value_name = "LAMBDA", default_value_t = Method::default().answer_weight)]
    answer_weight: f64,
}

impl ScoringFlags {
    pub(in super::super) fn method(&self) -> Method {
        Method {
            scoring_samples: self.scoring_samples,
            importance: self.importance,
            trajectory: self.trajectory,
            answer_weight: self.answer_weight,
            ..Method::default()
        }
    }
}

/// The scoring and repair method.
#[derive(Args)]
#[command(next_help_heading = METHOD_HEADING)]
pub(in super::super) struct MethodFlags {
    #[command(flatten)]
    scoring: ScoringFlags,
    /// Weight of the local term, as an exponent (0 to 1); 0 disables the term
    #[arg(long, value_name = "EXPONENT", default_value_t = Method::default().local_weight)]
    local_weight: f64,
    /// Estimator of the scores
    ///
    /// - exact:  removes each unit in turn, which is much slower
    /// - sketch: removes each head in turn, and estimates all other units together by random probes
    #[arg(long, verbatim_doc_comment, value_parser = one_of::<Estimator>(), default_value = <&str>::from(Method::default().estimator))]
    estimator: Estimator,
    /// Repair of the remaining weights
    ///
    /// - least_squares: refits the weights and biases of the layers that lost inputs
    /// - bias:          refits only their biases
    /// - none:          no repair
    #[arg(long, verbatim_doc_comment, value_parser = one_of::<Compensation>(), default_value = <&str>::from(Method::default().compensation))]
    compensation: Compensation,
    /// Weights of positions in the repair: by their influence on the answers, or all equal
    #[arg(long, value_parser = one_of::<PositionWeights>(), default_value = <&str>::from(Method::default().position_weights))]
    position_weights: PositionWeights,
}

impl MethodFlags {
    pub(in super::super) fn method(&self) -> Method {
        Method {
            local_weight: self.local_weight,
            estimator: self.estimator,
            compensation: self.compensation,
            position_weights: self.position_weights,
            ..self.scoring.method()
        }
    }
}

/// The number of rounds.
#[derive(Args)]
#[command(next_help_heading = METHOD_HEADING)]
pub(in super::super) struct RoundFlags {
    /// Number of pruning rounds (1 to 8); between rounds, the remaining model is repaired and scored again
    #[arg(long, value_name = "N", default_value_t = Method::default().rounds)]
    pub(in super::super) rounds: usize,
}
