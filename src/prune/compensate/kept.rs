//! Which hidden states of a repair are kept, within a limit of memory.

use super::super::failure::Failure;
use crate::data::dataset::Batches;
use crate::model::chain::Model;
use crate::model::mask::Masks;

/// Maximum size of the kept hidden states of all rows in both models, in bytes.
pub const KEPT_BYTES: usize = 1 << 30;

/// Returns whether the states before each block, and after the last one, are within the budget.
pub(super) fn kept(
    model: &Model,
    batches: &Batches<'_>,
    budget: usize,
) -> std::result::Result<Vec<bool>, Failure> {
    let (full, mut of_blocks) = (Masks::full(&model.groups), vec![0; model.blocks.len() + 1]);
    if batches.is_empty() {
        return Ok(vec![true; of_blocks.len()]);
    }
    let extents = |batch: usize| model.extents(&batches.extent(batch));
    for batch in 0..batches.len() {
        for (positions, extent) in of_blocks.iter_mut().zip(extents(batch)) {
            *positions += extent.positions();
        }
    }
    let mut hidden = model.start(&batches.load(0)?)?;
    let mut kept = Vec::with_capacity(of_blocks.len());
    for (block, extent) in extents(0).iter().enumerate() {
        let bytes = 2 * hidden.bytes() * of_blocks[block] / extent.positions().max(1);
        kept.push(bytes <= budget);
        if block < model.blocks.len() {
            hidden = model.block(block, &hidden, &full)?;
        }
    }
    Ok(kept)
}
