//! The flags that say how to score and how to repair.

use clap::Args;

use super::one_of::one_of;
use crate::prune::recipe::{Compensation, Estimator, Importance, Method, TokenWeights, Trajectory};

/// How units are scored and how the cut model is repaired.
#[derive(Args)]
pub(in super::super) struct MethodFlags {
    /// Examples that scoring looks at, of those drawn
    #[arg(long, value_name = "ROWS", default_value_t = Method::default().scoring_samples)]
    scoring_samples: usize,
    /// What a unit's removal is judged by: trajectory and local term, the paper's formula, or the logits and
    /// the local term
    #[arg(long, value_parser = one_of::<Importance>(), default_value = <&str>::from(Method::default().importance))]
    importance: Importance,
    /// How units are scored: all at once by random probes, or one by one
    #[arg(long, value_parser = one_of::<Estimator>(), default_value = <&str>::from(Method::default().estimator))]
    estimator: Estimator,
    /// How the terms of later layers are combined
    #[arg(long, value_parser = one_of::<Trajectory>(), default_value = <&str>::from(Method::default().trajectory))]
    trajectory: Trajectory,
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
    #[arg(long, value_parser = one_of::<Compensation>(), default_value = <&str>::from(Method::default().compensation))]
    compensation: Compensation,
    /// Which tokens the repair fits most closely
    #[arg(long, value_parser = one_of::<TokenWeights>(), default_value = <&str>::from(Method::default().token_weights))]
    token_weights: TokenWeights,
    /// Hold sketched scores against exact ones on a sample, and report what came of it
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
