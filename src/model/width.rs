//! Sizes of tensor dimensions as functions of the kept units, from the slices that groups declare.

use std::collections::HashMap;

use super::unit::UnitGroup;
use super::work::Width;

/// The groups that own parts of each tensor dimension.
pub struct Widths<'a> {
    /// By tensor name and dimension.
    owners: HashMap<(&'a str, usize), Vec<Owner>>,
}

/// A group that owns a slice per unit.
#[derive(Clone, Copy)]
struct Owner {
    group: usize,
    units: usize,
    /// Indices per unit.
    span: f64,
}

impl<'a> Widths<'a> {
    /// Collects the slices of all groups.
    #[must_use]
    pub fn new(groups: &'a [UnitGroup]) -> Self {
        let mut owners: HashMap<(&str, usize), Vec<Owner>> = HashMap::new();
        for (index, group) in groups.iter().enumerate() {
            for slice in &group.slices {
                let of_tensor = owners.entry((&slice.tensor, slice.dim)).or_default();
                of_tensor.push(Owner {
                    group: index,
                    units: group.width,
                    span: slice.span as f64,
                });
            }
        }
        Self { owners }
    }

    /// Returns the size of a tensor's dimension, which is `size` while all units are kept.
    #[must_use]
    pub fn of(&self, tensor: &str, dim: usize, size: usize) -> Width {
        let mut width = Width::constant(size);
        for &Owner { group, units, span } in self.owners.get(&(tensor, dim)).into_iter().flatten() {
            width.fixed -= units as f64 * span;
            match width.spans.iter_mut().find(|(own, _)| *own == group) {
                Some((_, sum)) => *sum += span,
                None => width.spans.push((group, span)),
            }
        }
        width
    }
}
