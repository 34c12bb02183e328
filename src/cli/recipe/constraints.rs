//! The flags that limit what each group keeps.

use clap::Args;

use crate::prune::recipe::Constraints;

/// What the choice must respect besides its target.
#[derive(Args)]
pub(in super::super) struct ConstraintFlags {
    /// Each group of neurons keeps a multiple of so many
    #[arg(long, value_name = "N", default_value_t = 1)]
    round_to: usize,
    /// Each group keeps at least so many units
    #[arg(long, value_name = "UNITS", default_value_t = 0)]
    min_kept: usize,
    /// A group that stays whole, or the beginning of several groups' names up to a dot; may be repeated
    #[arg(long, value_name = "GROUP")]
    keep_whole: Vec<String>,
    /// Every group keeps the same share
    #[arg(long)]
    uniform: bool,
}

impl ConstraintFlags {
    pub(super) fn constraints(&self) -> Constraints {
        Constraints {
            round_to: self.round_to,
            min_kept: self.min_kept,
            keep_whole: self.keep_whole.clone(),
            uniform: self.uniform,
        }
    }
}
