//! The multiply-accumulates of measuring curves, known before the model runs.

use super::{POINTS, measurable};
use crate::prune::compensate::{fitted, moments, places::Places};
use crate::prune::prepare::Prepared;
use crate::prune::recipe::Recipe;

/// Returns the MACs of the curves of all blocks:
///
/// - a pass over the calibration rows that a repair would fit, and the products of the sampled inputs and outputs of each block;
/// - the elimination of all units of a measurable block;
/// - for each point of its curve, a run of the block and of all later ones on the scoring rows.
///
/// The weights of positions are not counted: the repair needs them in any case.
#[must_use]
pub fn macs(prepared: &Prepared, recipe: &Recipe) -> u64 {
    let model = prepared.original();
    let groups = &model.groups;
    let places = Places::new(&model.reads, recipe.calibration.seed);
    let (all, scored) = (
        prepared.calibration.extent(),
        prepared
            .calibration
            .extent_of(&prepared.scoring_rows(recipe)),
    );
    let (extents, works, scoring) = (model.extents(&all), model.work(&all), model.work(&scored));
    let mut after = scoring.head.macs.with_all(groups);
    let rows = fitted(all.rows());
    let mut total = 0.0;
    for (index, block) in model.blocks.iter().enumerate().rev() {
        after += scoring.blocks[index].macs.with_all(groups);
        let linear = block.projection.linear();
        let (inputs, outputs) = (linear.inputs() as f64, linear.outputs() as f64);
        let sum = block.sum_extent(&extents[index]);
        total += rows as f64 * works.blocks[index].macs.with_all(groups);
        if linear.inputs() > moments::MOST_INPUTS {
            continue;
        }
        let sampled = rows * places.of_row(sum.mean().ceil() as usize);
        let products = inputs * (inputs + outputs);
        total += sampled as f64 * products;
        if measurable(model, index).is_some() {
            total += inputs * products + (POINTS * scored.rows()) as f64 * after;
        }
    }
    total as u64
}
