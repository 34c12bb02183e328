//! The cost of a model in the target's metric, as a sum over its groups.

use crate::model::cost::Cost;
use crate::model::mask::Masks;
use crate::model::unit::UnitGroup;

/// The prices of units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Price {
    /// Each unit of a group costs the same: MACs, or parameters.
    PerUnit(Cost),
    /// The cost of a group is known for each count of its units: time, in nanoseconds.
    PerCount {
        /// Cost of the model without any units.
        fixed: u64,
        /// For each group, the cost of `0..=width` of its units. The costs never fall.
        groups: Vec<Vec<u64>>,
    },
}

impl Price {
    /// Returns the price of a model that keeps these numbers of units in each group.
    #[must_use]
    pub fn of(&self, kept: impl IntoIterator<Item = usize>) -> u64 {
        match self {
            Self::PerUnit(cost) => cost.of(kept),
            Self::PerCount { fixed, groups } => {
                let priced = groups.iter().zip(kept);
                fixed + priced.map(|(prices, count)| prices[count]).sum::<u64>()
            }
        }
    }

    /// Returns the prices for the model that these masks keep.
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

    /// Returns the price of the unpruned model.
    #[must_use]
    pub fn whole(&self, groups: &[UnitGroup]) -> u64 {
        self.of(groups.iter().map(|group| group.width))
    }

    /// Returns the price of the model without any units.
    #[must_use]
    pub fn fixed(&self) -> u64 {
        match self {
            Self::PerUnit(Cost { fixed, .. }) | Self::PerCount { fixed, .. } => *fixed,
        }
    }
}
