//! The cost of a model for any number of kept units: multiply-accumulates, parameters, or time.

use super::mask::Masks;
use super::unit::UnitGroup;
use super::work::Terms;

/// Cost of a model. With `n[g]` units in group `g`, it is
///
/// ```text
/// fixed + sum over g of groups[g](n[g]) + sum over g of pairs[g] * n[g] * n[g + 1] + sum over g of heads[g] * h[g]
/// ```
///
/// where `h[g]` is the number of attention heads that hold the units.
///
/// Most costs are linear in the units. A convolution between two groups of channels costs the product of their numbers.
/// Measured times are tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Cost of the model without any units.
    pub fixed: u64,
    /// Cost of each group's units, without pairs.
    pub groups: Vec<Curve>,
    /// For each group but the last, the cost of each pair of one of its units and a unit of the next group.
    pub pairs: Vec<u64>,
    /// For each group of values, the cost of a head that does not depend on its number of channels. 0 for other groups.
    pub heads: Vec<u64>,
    /// Cost of what the original implementation computes although nothing reads it, with all units. The graph omits it.
    pub unread: u64,
}

/// Cost of the units of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Curve {
    /// Every unit costs the same.
    Linear(u64),
    /// The cost of `0..=width` units. It never falls.
    Table(Vec<u64>),
}

impl Curve {
    /// Returns the cost of a number of units.
    ///
    /// # Panics
    /// Panics if a table has no such number.
    #[must_use]
    pub fn of(&self, count: usize) -> u64 {
        match self {
            Self::Linear(each) => each * count as u64,
            Self::Table(costs) => costs[count],
        }
    }

    /// Returns the cost that the last of this many units adds.
    fn last(&self, count: usize) -> u64 {
        match self {
            Self::Linear(each) => *each,
            Self::Table(_) => self.of(count) - self.of(count.saturating_sub(1)),
        }
    }
}

impl Cost {
    /// Rounds the coefficients of a polynomial to whole costs. Returns the two groups if units of groups that are not
    /// neighbors share a cost.
    ///
    /// # Errors
    /// Returns the indices of these groups.
    pub fn of_terms(terms: &Terms, groups: usize) -> Result<Self, (usize, usize)> {
        let whole = |value: f64| value.round() as u64;
        let mut cost = Self::linear(
            whole(terms.fixed),
            (0..groups).map(|group| whole(terms.linear.get(&group).copied().unwrap_or(0.0))),
        );
        for (&group, &value) in &terms.heads {
            cost.heads[group] = whole(value);
        }
        for (&(group, next), &value) in &terms.pairs {
            if next != group + 1 {
                return Err((group, next));
            }
            cost.pairs[group] = whole(value);
        }
        Ok(cost)
    }

    /// Creates a cost without pairs, with the same cost for all units of a group.
    #[must_use]
    pub fn linear(fixed: u64, per_unit: impl IntoIterator<Item = u64>) -> Self {
        let groups: Vec<Curve> = per_unit.into_iter().map(Curve::Linear).collect();
        Self {
            fixed,
            pairs: vec![0; groups.len().saturating_sub(1)],
            heads: vec![0; groups.len()],
            groups,
            unread: 0,
        }
    }

    /// Returns the cost of a model with these numbers of kept units in each group. The cost of heads is not included.
    #[must_use]
    pub fn of(&self, kept: impl IntoIterator<Item = usize>) -> u64 {
        self.fixed + self.parts(kept).iter().sum::<u64>()
    }

    /// Returns the cost of each group of a model with these numbers of kept units. It includes the pairs that the
    /// group forms with the group before it.
    #[must_use]
    pub fn parts(&self, kept: impl IntoIterator<Item = usize>) -> Vec<u64> {
        let mut before = 0;
        let groups = self.groups.iter().zip(kept).enumerate();
        let parts = groups.map(|(group, (curve, count))| {
            let pairs = before * count as u64;
            before = self.pair(group) * count as u64;
            curve.of(count) + pairs
        });
        parts.collect()
    }

    /// Returns the cost of the unpruned model in its original implementation.
    #[must_use]
    pub fn whole(&self, groups: &[UnitGroup]) -> u64 {
        self.unread + self.with_all(groups)
    }

    /// Returns the cost of the graph with all units.
    #[must_use]
    pub fn with_all(&self, groups: &[UnitGroup]) -> u64 {
        let units = self.of(groups.iter().map(|group| group.width));
        units + self.of_heads(groups.iter().map(UnitGroup::heads))
    }

    /// Returns the cost of the units that the masks keep, and of their heads.
    #[must_use]
    pub fn of_masks(&self, masks: &Masks, groups: &[UnitGroup]) -> u64 {
        let counts = (0..masks.groups()).map(|group| masks.count(group));
        let heads = groups.iter().enumerate();
        let heads = heads.map(|(index, group)| masks.heads(index, group));
        self.of(counts) + self.of_heads(heads)
    }

    /// Returns the cost of these numbers of heads of each group, without their units.
    #[must_use]
    pub fn of_heads(&self, kept: impl IntoIterator<Item = usize>) -> u64 {
        let heads = self.heads.iter().zip(kept);
        heads.map(|(each, count)| each * count as u64).sum()
    }

    /// Returns the cost of one unit of each group while all other units are kept.
    #[must_use]
    pub fn per_unit(&self, groups: &[UnitGroup]) -> Vec<u64> {
        let width = |group: usize| groups[group].width as u64;
        let each = self.groups.iter().enumerate().map(|(group, curve)| {
            let before = group.checked_sub(1);
            let before = before.map_or(0, |before| self.pair(before) * width(before));
            let after = match self.pair(group) {
                0 => 0,
                pair => pair * width(group + 1),
            };
            curve.last(groups[group].width) + before + after
        });
        each.collect()
    }

    /// Returns the cost for the model that these masks keep.
    #[must_use]
    pub fn narrowed(&self, masks: &Masks) -> Self {
        let curves = self.groups.iter().enumerate();
        let curves = curves.map(|(group, curve)| match curve {
            Curve::Linear(each) => Curve::Linear(*each),
            Curve::Table(costs) => Curve::Table(costs[..=masks.count(group)].to_vec()),
        });
        Self {
            fixed: self.fixed,
            groups: curves.collect(),
            pairs: self.pairs.clone(),
            heads: self.heads.clone(),
            unread: self.unread,
        }
    }

    /// Returns the cost of each pair of a unit of this group and a unit of the next group.
    #[must_use]
    pub fn pair(&self, group: usize) -> u64 {
        self.pairs.get(group).copied().unwrap_or(0)
    }

    /// Whether the units of a group form pairs that cost something.
    #[must_use]
    pub fn has_pairs(&self, group: usize) -> bool {
        self.pair(group) > 0 || (group > 0 && self.pair(group - 1) > 0)
    }
}

/// Converts MACs to FLOPs. Each MAC is a multiplication and an addition.
#[must_use]
pub fn flops(macs: u64) -> u64 {
    2 * macs
}
