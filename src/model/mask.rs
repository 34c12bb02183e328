//! Which units take part: a value, handed to a graph by reference and stored in none.

use candle_core::{Device, Result, Tensor};

use super::unit::UnitGroup;

/// One flag a unit, one list a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masks {
    kept: Vec<Vec<bool>>,
}

impl Masks {
    /// Every unit takes part.
    #[must_use]
    pub fn full(groups: &[UnitGroup]) -> Self {
        Self {
            kept: groups.iter().map(|group| vec![true; group.width]).collect(),
        }
    }

    /// From the kept units of each group.
    ///
    /// # Panics
    /// When an index is not below its group's width.
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

    /// Of the units that these keep, those that `inner` keeps, which counts them alone.
    ///
    /// # Panics
    /// When `inner` is not about as many units as these keep.
    #[must_use]
    pub fn refined(&self, inner: &Self) -> Self {
        let mut refined = self.clone();
        for (flags, inner) in refined.kept.iter_mut().zip(&inner.kept) {
            let kept: Vec<&mut bool> = flags.iter_mut().filter(|flag| **flag).collect();
            assert_eq!(kept.len(), inner.len(), "units that are kept");
            for (flag, &inner) in kept.into_iter().zip(inner) {
                *flag = inner;
            }
        }
        refined
    }

    /// Takes one unit out.
    ///
    /// # Panics
    /// When there is no such unit.
    pub fn drop_unit(&mut self, group: usize, unit: usize) {
        self.kept[group][unit] = false;
    }

    /// Whether the unit takes part.
    #[must_use]
    pub fn keeps(&self, group: usize, unit: usize) -> bool {
        self.kept[group][unit]
    }

    /// The units of a group that take part, in order.
    #[must_use]
    pub fn kept(&self, group: usize) -> Vec<usize> {
        let flags = self.kept[group].iter().enumerate();
        flags
            .filter_map(|(unit, &kept)| kept.then_some(unit))
            .collect()
    }

    /// How many units of a group take part.
    #[must_use]
    pub fn count(&self, group: usize) -> usize {
        self.kept[group].iter().filter(|&&kept| kept).count()
    }

    /// Whether every unit of a group takes part.
    #[must_use]
    pub fn is_full(&self, group: usize) -> bool {
        self.kept[group].iter().all(|&kept| kept)
    }

    /// How many groups there are.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.kept.len()
    }

    /// The columns of the block's activations that the kept units own, in order.
    #[must_use]
    pub fn columns(&self, group: usize, span: usize) -> Vec<u32> {
        let units = self.kept(group).into_iter();
        units
            .flat_map(|unit| (unit * span..(unit + 1) * span).map(|column| column as u32))
            .collect()
    }

    /// The group as a factor on its activations, f32 `[width * span]` of zeros and ones; `None`
    /// when every unit takes part.
    ///
    /// # Errors
    /// Never in practice: the shape is the data's own.
    pub fn factor(&self, group: usize, span: usize, device: &Device) -> Result<Option<Tensor>> {
        if self.is_full(group) {
            return Ok(None);
        }
        let flags = self.kept[group].iter();
        let factors: Vec<f32> = flags
            .flat_map(|&kept| std::iter::repeat_n(f32::from(u8::from(kept)), span))
            .collect();
        Tensor::new(factors, device).map(Some)
    }
}
