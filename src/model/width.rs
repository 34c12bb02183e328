//! Sizes of tensor dimensions as functions of the kept units, from the slices that groups declare.

use std::collections::HashMap;
use std::ops::Range;

use super::unit::UnitGroup;
use super::work::Width;

/// The groups that own parts of each tensor dimension.
pub struct Widths<'a> {
    /// By tensor name and dimension.
    owners: HashMap<(&'a str, usize), Vec<Owner>>,
}

/// A group that owns a slice per unit, or per head.
#[derive(Clone, Copy)]
struct Owner {
    group: usize,
    /// Number of its slices.
    slices: usize,
    /// Whether they belong to its heads.
    of_heads: bool,
    /// Index of the first slice.
    offset: usize,
    /// Indices per slice.
    span: f64,
}

impl<'a> Widths<'a> {
    /// Collects the slices of all groups.
    #[must_use]
    pub fn new(groups: &'a [UnitGroup]) -> Self {
        let mut owners: HashMap<(&str, usize), Vec<Owner>> = HashMap::new();
        for (index, group) in groups.iter().enumerate() {
            let of_units = group.slices.iter().map(|slice| (slice, group.width, false));
            let heads = group.heads.iter().flat_map(|heads| {
                let slices = heads.slices.iter();
                slices.map(|slice| (slice, heads.count, true))
            });
            for (slice, slices, of_heads) in of_units.chain(heads) {
                let of_tensor = owners.entry((&slice.tensor, slice.dim)).or_default();
                of_tensor.push(Owner {
                    group: index,
                    slices,
                    of_heads,
                    offset: slice.offset,
                    span: slice.span as f64,
                });
            }
        }
        Self { owners }
    }

    /// Returns the size of a part of a tensor's dimension, which is the length of `part` while all units are kept. All
    /// slices of a group are inside of the part or outside of it.
    #[must_use]
    pub fn of(&self, tensor: &str, dim: usize, part: Range<usize>) -> Width {
        let mut width = Width::constant(part.len());
        let owners = self.owners.get(&(tensor, dim)).into_iter().flatten();
        for owner in owners.filter(|owner| part.contains(&owner.offset)) {
            let &Owner {
                group,
                slices,
                of_heads,
                span,
                ..
            } = owner;
            width.fixed -= slices as f64 * span;
            let spans = match of_heads {
                true => &mut width.heads,
                false => &mut width.spans,
            };
            match spans.iter_mut().find(|(own, _)| *own == group) {
                Some((_, sum)) => *sum += span,
                None => spans.push((group, span)),
            }
        }
        width
    }
}
