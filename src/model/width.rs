//! Sizes of tensor dimensions as functions of the kept units, from the slices that groups declare.

use std::collections::HashMap;

use super::unit::UnitGroup;
use super::work::Width;

/// The groups that own parts of each tensor dimension.
pub struct Widths<'a> {
    owners: HashMap<(&'a str, usize), Vec<(usize, usize, f64)>>,
}

impl<'a> Widths<'a> {
    /// Collects the slices of all groups.
    #[must_use]
    pub fn new(groups: &'a [UnitGroup]) -> Self {
        let mut owners: HashMap<(&str, usize), Vec<(usize, usize, f64)>> = HashMap::new();
        for (index, group) in groups.iter().enumerate() {
            for slice in &group.slices {
                let of_tensor = owners.entry((&slice.tensor, slice.dim)).or_default();
                of_tensor.push((index, group.width, slice.span as f64));
            }
        }
        Self { owners }
    }

    /// Returns the size of a tensor's dimension, which is `size` while all units are kept.
    #[must_use]
    pub fn of(&self, tensor: &str, dim: usize, size: usize) -> Width {
        let mut width = Width::constant(size);
        for &(group, units, span) in self.owners.get(&(tensor, dim)).into_iter().flatten() {
            width.fixed -= units as f64 * span;
            match width.spans.iter_mut().find(|(own, _)| *own == group) {
                Some((_, sum)) => *sum += span,
                None => width.spans.push((group, span)),
            }
        }
        width
    }
}
