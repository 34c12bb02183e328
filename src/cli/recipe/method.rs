//! Flags that set how units are scored and how the pruned model is repaired.

use clap::Args;

use super::super::one_of::one_of;
use crate::prune::recipe::{Compensation, Estimator, Importance, Method, TokenWeights, Trajectory};

/// The scoring and repair method.
#[derive(Args)]
#[command(next_help_heading = "Method options")]
pub(in super::super) struct MethodFlags {
    /// Maximum number of sampled calibration examples that scoring uses (1 to 4096)
    #[arg(long, value_name = "ROWS", default_value_t = Method::default().scoring_samples)]
    scoring_samples: usize,
    /// Criterion for the importance of a unit
    ///
    /// Three terms measure the effect of removing a unit: the manifold terms (change of the
    /// features of later layers), the logits term (change of the logits) and the local term
    /// (contribution to the output of its own block).
    ///
    /// - optin:  all three terms, with the weights of the flags below
    /// - paper:  the paper's formula, with its own weights
    /// - fisher: only the logits term and the local term
    #[arg(long, verbatim_doc_comment, value_parser = one_of::<Importance>(), default_value = <&str>::from(Method::default().importance))]
    importance: Importance,
    /// Estimator of the scores
    ///
    /// - exact:  scores every unit one by one, which is much slower
    /// - sketch: scores heads one by one, and all other units at once by random probes
    #[arg(long, verbatim_doc_comment, value_parser = one_of::<Estimator>(), default_value = <&str>::from(Method::default().estimator))]
    estimator: Estimator,
    /// Combination of the manifold terms of later layers; the paper uses sum
    #[arg(long, value_parser = one_of::<Trajectory>(), default_value = <&str>::from(Method::default().trajectory))]
    trajectory: Trajectory,
    /// Weight of the logits term relative to the manifold terms (0 or more)
    #[arg(long, value_name = "LAMBDA", default_value_t = Method::default().logit_weight)]
    logit_weight: f64,
    /// Number of pruning rounds (1 to 8); between rounds, the remaining model is repaired and scored again
    #[arg(long, value_name = "N", default_value_t = Method::default().rounds)]
    rounds: usize,
    /// Exponent of the local term (0 to 1)
    #[arg(long, value_name = "EXPONENT", default_value_t = Method::default().local_weight)]
    local_weight: f64,
    /// Repair of the kept weights: solve them again by least squares, solve only the biases, or none
    #[arg(long, value_parser = one_of::<Compensation>(), default_value = <&str>::from(Method::default().compensation))]
    compensation: Compensation,
    /// Weighting of tokens in the repair: by their influence on the logits, or all equal
    #[arg(long, value_parser = one_of::<TokenWeights>(), default_value = <&str>::from(Method::default().token_weights))]
    token_weights: TokenWeights,
    /// Compare sketched scores with exact scores on a sample and report the result
    #[arg(long)]
    audit: bool,
}

impl MethodFlags {
    pub(in super::super) fn method(&self) -> Method {
        Method {
            importance: self.importance,
            estimator: self.estimator,
            trajectory: self.trajectory,
            compensation: self.compensation,
            token_weights: self.token_weights,
            audit: self.audit,
            scoring_samples: self.scoring_samples,
            logit_weight: self.logit_weight,
            rounds: self.rounds,
            local_weight: self.local_weight,
            ..Method::default()
        }
    }
}
