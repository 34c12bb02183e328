//! What a model costs in a target's metric, as a sum over its groups.

use crate::model::cost::Cost;
use crate::model::mask::Masks;
use crate::model::unit::UnitGroup;

/// The prices of units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Price {
    /// Each unit of a group costs the same: MACs, or parameters.
    PerUnit(Cost),
    /// What a group costs is known for each count of its units: time, in nanoseconds.
    PerCount {
        /// What remains when every unit is gone.
        fixed: u64,
        /// For each group, what `0..=width` of its units cost; never falling.
        groups: Vec<Vec<u64>>,
    },
}

impl Price {
    /// The price of so many units of each group.
    #[must_use]
    pub fn of(&self, kept: impl IntoIterator<Item = usize>) -> u64 {
        match self {
            Self::PerUnit(cost) => cost.macs(kept),
            Self::PerCount { fixed, groups } => {
                let priced = groups.iter().zip(kept);
                fixed + priced.map(|(prices, count)| prices[count]).sum::<u64>()
            }
        }
    }

    /// The prices of what these masks keep.
    #[must_use]
    pub fn narrowed(&self, masks: &Masks) -> Self {
        match self {
            Self::PerUnit(cost) => Self::PerUnit(cost.clone()),
            Self::PerCount { fixed, groups } => {
                let groups = groups.iter().enumerate();
                Self::PerCount {
                    fixed: *fixed,
                    groups: groups
                        .map(|(group, prices)| prices[..=masks.count(group)].to_vec())
                        .collect(),
                }
            }
        }
    }

    /// The price of the whole model.
    #[must_use]
    pub fn whole(&self, groups: &[UnitGroup]) -> u64 {
        self.of(groups.iter().map(|group| group.width))
    }

    /// The price when every unit is gone.
    #[must_use]
    pub fn fixed(&self) -> u64 {
        match self {
            Self::PerUnit(Cost { fixed, .. }) | Self::PerCount { fixed, .. } => *fixed,
        }
    }
}
