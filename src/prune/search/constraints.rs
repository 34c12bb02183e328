//! What a choice must respect besides its budget.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::unit::UnitGroup;
use crate::prune::failure::{Code, Failure};

/// Limits on what each group keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Constraints {
    /// Each group of neurons keeps a multiple of so many (1: any number). Kernels like multiples of 8 or
    /// 32. Heads are wide already and are not rounded.
    pub round_to: usize,
    /// Each group keeps at least so many units, or all that it has.
    pub min_kept: usize,
    /// Groups that stay whole: their names, or the beginnings of their names up to a dot
    /// (`encoder.layer.0` is both groups of the first layer).
    pub keep_whole: Vec<String>,
    /// Every group keeps the same share.
    pub uniform: bool,
}

impl Default for Constraints {
    fn default() -> Self {
        Self {
            round_to: 1,
            min_kept: 0,
            keep_whole: Vec::new(),
            uniform: false,
        }
    }
}

impl Constraints {
    /// Checks that each name is of this model.
    ///
    /// # Errors
    /// [`Code::InvalidRecipe`], naming the one that is not.
    pub fn check(&self, groups: &[UnitGroup]) -> Result<(), Failure> {
        let unknown = self
            .keep_whole
            .iter()
            .find(|name| !groups.iter().any(|group| names(name, group)));
        match unknown {
            Some(name) => Err(Failure::new(
                Code::InvalidRecipe,
                format!(
                    "constraints.keep_whole names \"{name}\", which is no group of the model and no beginning of one; the groups are {}",
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

    /// Units that the group keeps in any case.
    #[must_use]
    pub fn least(&self, group: &UnitGroup) -> usize {
        if self.keep_whole.iter().any(|name| names(name, group)) {
            return group.width;
        }
        let step = self.step(group);
        (self.min_kept.div_ceil(step) * step).min(group.width)
    }

    /// The group keeps a multiple of so many units, or all.
    #[must_use]
    pub fn step(&self, group: &UnitGroup) -> usize {
        match group.span {
            1 => self.round_to.max(1),
            _ => 1,
        }
    }
}

fn names(name: &str, group: &UnitGroup) -> bool {
    let rest = group.name.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
