//! Flags that set how units are scored and how the pruned model is repaired.

use clap::Args;

use super::super::one_of::explained;
use super::range::ranged;
use crate::prune::recipe::{
    AnswerTerm, Compensation, Estimator, FeatureTerm, Importance, Method, PositionWeights,
    Trajectory, Units,
};

/// Help heading of these flags.
pub(in super::super) const METHOD_HEADING: &str = "Method options";

/// The scoring method, without the parts that a score audit fixes.
#[derive(Args)]
#[command(next_help_heading = METHOD_HEADING)]
pub(in super::super) struct ScoringFlags {
    #[arg(long, value_name = "ROWS", default_value_t = Method::default().scoring_samples, help = ranged::<Method>("scoring_samples", "Maximum number of sampled rows for scoring"))]
    scoring_samples: usize,
    /// Criterion for the importance of a unit
    ///
    /// Three terms measure the effect of removing a unit: the feature terms (change of the features
    /// of later layers), the answer term (change of the answers) and the local term (contribution to
    /// the output of its own block).
    #[arg(long, verbatim_doc_comment, value_parser = explained::<Importance>(), default_value = <&str>::from(Method::default().importance))]
    importance: Importance,
    /// Units of attention layers
    #[arg(long, value_parser = explained::<Units>(), default_value = <&str>::from(Method::default().units))]
    units: Units,
    /// What a feature term compares
    #[arg(long, value_parser = explained::<FeatureTerm>(), default_value = <&str>::from(Method::default().feature_term))]
    feature_term: FeatureTerm,
    /// What the answer term compares
    #[arg(long, value_parser = explained::<AnswerTerm>(), default_value = <&str>::from(Method::default().answer_term))]
    answer_term: AnswerTerm,
    /// How to combine the feature terms of later layers
    #[arg(long, value_parser = explained::<Trajectory>(), default_value = <&str>::from(Method::default().trajectory))]
    trajectory: Trajectory,
    #[arg(long, value_name = "LAMBDA", default_value_t = Method::default().answer_weight, help = ranged::<Method>("answer_weight", "Weight of the answer term relative to the feature terms"))]
    answer_weight: f64,
    #[arg(long, value_name = "T", default_value_t = Method::default().temperature, help = ranged::<Method>("temperature", "Temperature of the distributions in the answer term; higher values soften them"))]
    temperature: f64,
}

impl ScoringFlags {
    pub(in super::super) fn method(&self) -> Method {
        Method {
            scoring_samples: self.scoring_samples,
            importance: self.importance,
            units: self.units,
            feature_term: self.feature_term,
            answer_term: self.answer_term,
            trajectory: self.trajectory,
            answer_weight: self.answer_weight,
            temperature: self.temperature,
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
    #[arg(long, value_name = "EXPONENT", default_value_t = Method::default().local_weight, help = ranged::<Method>("local_weight", "Weight of the local term, as an exponent; 0 disables the term"))]
    local_weight: f64,
    /// Estimator of the scores
    #[arg(long, value_parser = explained::<Estimator>(), default_value = <&str>::from(Method::default().estimator))]
    estimator: Estimator,
    /// Repair of the remaining weights
    #[arg(long, value_parser = explained::<Compensation>(), default_value = <&str>::from(Method::default().compensation))]
    compensation: Compensation,
    /// Weights of positions in the repair
    #[arg(long, value_parser = explained::<PositionWeights>(), default_value = <&str>::from(Method::default().position_weights))]
    position_weights: PositionWeights,
    #[arg(long, value_name = "STRENGTH", default_value_t = Method::default().ridge, help = ranged::<Method>("ridge", "Strength of the penalty that keeps repaired weights close to the original ones"))]
    ridge: f64,
}

impl MethodFlags {
    pub(in super::super) fn method(&self) -> Method {
        Method {
            local_weight: self.local_weight,
            estimator: self.estimator,
            compensation: self.compensation,
            position_weights: self.position_weights,
            ridge: self.ridge,
            ..self.scoring.method()
        }
    }
}

/// The number of rounds.
#[derive(Args)]
#[command(next_help_heading = METHOD_HEADING)]
pub(in super::super) struct RoundFlags {
    #[arg(long, value_name = "N", default_value_t = Method::default().rounds, help = ranged::<Method>("rounds", "Number of pruning rounds; between rounds, the remaining model is repaired and scored again"))]
    pub(in super::super) rounds: usize,
}
