//! Constraints on the selection besides its budget.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::position_merging::PositionMerging;
use crate::model::unit::UnitGroup;
use crate::prune::failure::{Code, Failure};

/// Constraints on the units that each group keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Constraints {
    /// Each group of neurons or channels keeps a multiple of this number of units, or all. Matrix products of other widths
    /// are often slower. By default, the number is 8, and smaller in groups of fewer than 128 units: the largest power of
    /// two of which a group has at least sixteen multiples. Groups of attention heads are not rounded, because a head is
    /// wide already.
    #[schemars(range(min = 1, max = 4_096))]
    pub round_to: Option<usize>,
    /// Each kept attention head keeps a multiple of this number of values and of queries, or all. Other numbers are often
    /// slower. Only used with `method.units` = `dimensions`.
    #[schemars(range(min = 1, max = 4_096))]
    pub round_widths_to: usize,
    /// Minimum number of units that each group keeps. A smaller group keeps all its units.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub min_kept: usize,
    /// Groups that are not pruned: full names as in `groups` of the estimate, or prefixes that end before a dot. For
    /// example, `encoder.layer.0` names the heads and the neurons of the first layer.
    #[schemars(length(max = 256), example = ["encoder.layer.0"])]
    pub keep_whole: Vec<String>,
    /// Whether every group keeps the same fraction of its units.
    pub uniform: bool,
    /// Merging of similar patches of an image. `search` tries several schedules and uses the one with which the pruned
    /// model is closest to the original, which may merge nothing. `off` merges nothing. With a percentage, the layers keep
    /// this part of the patches on average. Only used for models that read images, with a target in FLOPs.
    #[serde(rename = "tokens")]
    #[schemars(
        with = "String",
        regex(pattern = "^(search|off|[1-9][0-9]?%)$"),
        example = &"search"
    )]
    pub merging: PositionMerging,
}

impl Default for Constraints {
    fn default() -> Self {
        Self {
            round_to: None,
            round_widths_to: 4,
            min_kept: 0,
            keep_whole: Vec::new(),
            uniform: false,
            merging: PositionMerging::Search,
        }
    }
}

impl Constraints {
    /// Checks that the model has a group for each name of `keep_whole`.
    ///
    /// # Errors
    /// Returns [`Code::InvalidRecipe`] with the unknown name.
    pub fn check(&self, groups: &[UnitGroup]) -> Result<(), Failure> {
        let unknown = self
            .keep_whole
            .iter()
            .find(|name| !groups.iter().any(|group| names(name, group)));
        match unknown {
            Some(name) => Err(Failure::new(
                Code::InvalidRecipe,
                format!(
                    "constraints.keep_whole contains \"{name}\", which is neither a group of the model nor the first part of a \
                     group's name; the groups are {}",
                    groups
                        .iter()
                        .map(|group| group.name.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            )),
            None => Ok(()),
        }
    }

    /// Returns the minimum number of units that the group keeps.
    #[must_use]
    pub fn least(&self, group: &UnitGroup) -> usize {
        if self.keep_whole.iter().any(|name| names(name, group)) {
            return group.width;
        }
        let step = self.step(group);
        (self.min_kept.div_ceil(step) * step).min(group.width)
    }

    /// Returns the step of the group's count: the group keeps a multiple of this number of units, or all units. Only
    /// units of one column each are rounded, whatever their kind.
    #[must_use]
    pub fn step(&self, group: &UnitGroup) -> usize {
        match (group.seat.span, &group.heads) {
            (1, None) => match self.round_to {
                Some(step) => step.max(1),
                None => default_step(group.width),
            },
            _ => 1,
        }
    }
}

/// Returns the largest power of two, at most 8, of which a group of `width` units has at least sixteen multiples.
///
/// Libraries of matrix products compute tiles of 8 or 16 columns, and some are a third slower with an odd number of
/// columns. Larger steps leave the search too few choices in narrow groups: with eight per group,
/// ResNet-20 agrees less with the original.
fn default_step(width: usize) -> usize {
    let most = (width / 16).clamp(1, 8);
    1 << most.ilog2()
}

fn names(name: &str, group: &UnitGroup) -> bool {
    let rest = group.name.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
