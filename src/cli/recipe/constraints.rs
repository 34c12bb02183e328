//! Flags that constrain which units each group keeps.

use clap::Args;

use super::range::ranged;
use crate::prune::recipe::Constraints;
use crate::prune::search::position_merging::PositionMerging;

/// Constraints on the kept units, besides the target.
#[derive(Args)]
#[command(next_help_heading = "Constraints")]
pub(in super::super) struct ConstraintFlags {
    #[arg(long, value_name = "N", help = ranged::<Constraints>("round_to", "Keep a multiple of N neurons or channels in each group; heads are not rounded [default: 8, smaller in groups of fewer than 128 units]"))]
    round_to: Option<usize>,
    #[arg(long, value_name = "N", default_value_t = Constraints::default().round_widths_to, help = ranged::<Constraints>("round_widths_to", "Keep a multiple of N values and of N queries in each attention head"))]
    round_widths_to: usize,
    #[arg(long, value_name = "UNITS", default_value_t = Constraints::default().min_kept, help = ranged::<Constraints>("min_kept", "Minimum number of units that each group keeps"))]
    min_kept: usize,
    /// Do not prune this group; repeat the flag for more
    ///
    /// Give a name, or a prefix of names that ends before a dot: encoder.layer.0 means all groups
    /// of the first layer. `optin inspect` lists the groups.
    #[arg(long, verbatim_doc_comment, value_name = "GROUP")]
    keep_whole: Vec<String>,
    /// Keep the same fraction of every group
    #[arg(long)]
    uniform: bool,
    /// Merging of similar patches of images: search, off, or the percentage of the patches to keep
    #[arg(long, value_name = "MODE", default_value = "search", value_parser = tokens)]
    tokens: PositionMerging,
}

fn tokens(written: &str) -> Result<PositionMerging, String> {
    written.to_owned().try_into()
}

impl ConstraintFlags {
    pub(in super::super) fn constraints(&self) -> Constraints {
        Constraints {
            round_to: self.round_to,
            round_widths_to: self.round_widths_to,
            min_kept: self.min_kept,
            keep_whole: self.keep_whole.clone(),
            uniform: self.uniform,
            merging: self.tokens,
        }
    }
}
