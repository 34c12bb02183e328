//! Flags that set how much of the model to keep.

use clap::Args;

use super::super::exit::Exit;
use super::super::one_of::explained;
use super::constraints::ConstraintFlags;
use super::sources::INPUT_HEADING;
use crate::prune::recipe::{Constraints, Metric, Target};

/// The target, the constraints and the seed.
#[derive(Args)]
#[command(next_help_heading = "Target options")]
pub(in super::super) struct TargetFlags {
    /// Percentage to KEEP, such as 60%
    #[arg(long, value_name = "PERCENT")]
    pub(super) target: String,
    /// Quantity that the target limits
    #[arg(long, value_parser = explained::<Metric>(), default_value = Metric::default().as_str())]
    metric: Metric,
    /// How far the result may be below the target, as a percentage of the target (0.01% to 50%)
    #[arg(long, value_name = "PERCENT", default_value = "1%")]
    pub(super) tolerance: String,
    /// Random seed for the samples of rows and tokens, and for scoring
    #[arg(long, help_heading = INPUT_HEADING, default_value_t = 0)]
    pub(in super::super) seed: u64,
    #[command(flatten)]
    constraints: ConstraintFlags,
}

impl TargetFlags {
    /// Returns the target.
    pub(in super::super) fn target(&self) -> Result<Target, Exit> {
        Ok(Target {
            metric: self.metric,
            keep: Target::parse_keep(&self.target)?,
            tolerance: Target::parse_keep(&self.tolerance)?,
        })
    }

    /// Returns the constraints.
    pub(in super::super) fn constraints(&self) -> Constraints {
        self.constraints.constraints()
    }
}
