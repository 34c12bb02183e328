//! The sizes that masks keep, group by group.

use std::collections::BTreeSet;

use crate::model::mask::Masks;
use crate::model::nn::attention::Heads;
use crate::model::unit::Units;

/// Reads masks in the order of the groups.
pub(in crate::model) struct Kept<'a> {
    units: Units,
    masks: &'a Masks,
    /// Index of the next group.
    next: usize,
}

impl<'a> Kept<'a> {
    /// Starts with the first group. Attention layers have these units.
    pub(in crate::model) fn of(units: Units, masks: &'a Masks) -> Self {
        Self {
            units,
            masks,
            next: 0,
        }
    }

    /// Continues with a later group.
    pub(in crate::model) fn from(self, group: usize) -> Self {
        Self {
            next: group,
            ..self
        }
    }

    /// Returns the number of kept units of the next group.
    pub(in crate::model) fn count(&mut self) -> usize {
        let count = self.masks.count(self.next);
        self.next += 1;
        count
    }

    /// Returns the number of kept heads of the next attention layer, the width of their queries and the width of their
    /// values. `whole` has the sizes without the masks. A layer without rotated queries has no group of queries.
    pub(in crate::model) fn heads(&mut self, whole: Heads, has_queries: bool) -> [usize; 3] {
        match self.units {
            Units::Heads => [self.count(), whole.query, whole.value],
            Units::Dimensions => {
                let heads = self.indices(whole);
                let each = |count: usize| count.checked_div(heads.len()).unwrap_or(0);
                let values = each(self.count());
                let queries = match has_queries {
                    true => each(self.count()),
                    false => whole.query,
                };
                [heads.len(), queries, values]
            }
        }
    }

    /// Returns the indices of the kept heads of the next group, without continuing.
    pub(in crate::model) fn indices(&self, whole: Heads) -> Vec<usize> {
        let kept = self.masks.kept(self.next);
        match self.units {
            Units::Heads => kept,
            Units::Dimensions => {
                // A kept head keeps some of its values.
                let heads = kept.into_iter().map(|value| value / whole.value);
                heads.collect::<BTreeSet<usize>>().into_iter().collect()
            }
        }
    }
}
