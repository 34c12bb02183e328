//! Masks: which units are active. They are passed to a graph by reference and never stored in it.

use super::unit::UnitGroup;

/// One flag per unit, in one list per group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masks {
    kept: Vec<Vec<bool>>,
}

impl Masks {
    /// Creates masks that keep every unit.
    #[must_use]
    pub fn full(groups: &[UnitGroup]) -> Self {
        Self {
            kept: groups.iter().map(|group| vec![true; group.width]).collect(),
        }
    }

    /// Creates masks from the kept units of each group.
    ///
    /// # Panics
    /// Panics if an index is not below its group's width.
    #[must_use]
    pub fn keeping(groups: &[UnitGroup], kept: &[Vec<usize>]) -> Self {
        let mut masks = Self {
            kept: groups
                .iter()
                .map(|group| vec![false; group.width])
                .collect(),
        };
        for (flags, units) in masks.kept.iter_mut().zip(kept) {
            for &unit in units {
                flags[unit] = true;
            }
        }
        masks
    }

    /// Returns masks that keep the units that both `self` and `inner` keep. `inner` has one flag for each unit that
    /// `self` keeps.
    ///
    /// # Panics
    /// Panics if the number of flags in `inner` differs from the number of units that `self` keeps.
    #[must_use]
    pub fn refined(&self, inner: &Self) -> Self {
        let mut refined = self.clone();
        for (flags, inner) in refined.kept.iter_mut().zip(&inner.kept) {
            let kept: Vec<&mut bool> = flags.iter_mut().filter(|flag| **flag).collect();
            assert_eq!(
                kept.len(),
                inner.len(),
                "the inner masks must have one flag for each kept unit"
            );
            for (flag, &inner) in kept.into_iter().zip(inner) {
                *flag = inner;
            }
        }
        refined
    }

    /// Removes one unit.
    ///
    /// # Panics
    /// Panics if there is no such unit.
    pub fn drop_unit(&mut self, group: usize, unit: usize) {
        self.kept[group][unit] = false;
    }

    /// Whether the unit is kept.
    #[must_use]
    pub fn keeps(&self, group: usize, unit: usize) -> bool {
        self.kept[group][unit]
    }

    /// Returns the kept units of a group, in ascending order.
    #[must_use]
    pub fn kept(&self, group: usize) -> Vec<usize> {
        let flags = self.kept[group].iter().enumerate();
        flags
            .filter_map(|(unit, &kept)| kept.then_some(unit))
            .collect()
    }

    /// Returns the number of kept units of a group.
    #[must_use]
    pub fn count(&self, group: usize) -> usize {
        self.kept[group].iter().filter(|&&kept| kept).count()
    }

    /// Returns for each head of a group whether a unit of it is kept. It is empty if the units do not belong to heads.
    #[must_use]
    pub fn kept_heads(&self, index: usize, group: &UnitGroup) -> Vec<bool> {
        let heads = group.heads();
        match group.width.checked_div(heads) {
            None | Some(0) => vec![false; heads],
            Some(each) => {
                let heads = self.kept[index].chunks(each);
                heads.map(|units| units.contains(&true)).collect()
            }
        }
    }

    /// Returns the number of heads of a group of which a unit is kept. 0 if the units do not belong to heads.
    #[must_use]
    pub fn heads(&self, index: usize, group: &UnitGroup) -> usize {
        let heads = self.kept_heads(index, group).into_iter();
        heads.filter(|&kept| kept).count()
    }

    /// Whether every unit of a group is kept.
    #[must_use]
    pub fn is_full(&self, group: usize) -> bool {
        self.kept[group].iter().all(|&kept| kept)
    }

    /// Returns the number of groups.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.kept.len()
    }

    /// Whether every unit of these groups is kept.
    #[must_use]
    pub fn are_full(&self, groups: &[usize]) -> bool {
        groups.iter().all(|&group| self.is_full(group))
    }
}
