//! Position weights: the sensitivity of the answers to the sum at each position in each block.
//!
//! Plain least squares fits all positions equally. But a classifier may read only one token in the last
//! layer, and some positions hardly matter in any layer. The weights use the derivative of the answers' form
//! (see [`score::sketch`](super::super::score::sketch)) with respect to the sum that a projection writes:
//! a position has the weight `FLOOR + (1 - FLOOR) * |derivative| / mean |derivative|`. This is the square root
//! of the quadratic form. The form itself would concentrate the weight on so few positions that the fit would
//! not generalize.

use candle_core::Result;

use super::super::failure::Failure;
use super::super::journal::{self, Journal};
use super::super::lanes;
use super::super::prepare::Prepared;
use super::super::score::directions::Directions;
use super::super::score::sketch::TRACED_POSITIONS;
use super::places::Places;
use crate::answer::task::{Answer, Form};
use crate::data::dataset::Batches;
use crate::model::batch::Batch;
use crate::model::chain::Model;
use crate::model::trace::Trace;

/// Weight of a position that the answers do not depend on.
const FLOOR: f64 = 0.02;

/// Name of the document. It holds the weights as consecutive little-endian f32 values.
const NAME: &str = "position_weights.f32";

/// Returns the weights from the journal, or computes and stores them. They do not depend on the target. Returns `None` if
/// the model has no backward pass.
///
/// # Errors
/// Returns an error if the graph fails or if the journal cannot be read or written.
pub fn position_weights_once(
    prepared: &Prepared,
    batches: &Batches<'_>,
    places: Places,
    journal: &dyn Journal,
) -> std::result::Result<Option<Vec<Vec<Vec<f32>>>>, Failure> {
    let (model, answer) = (prepared.original(), prepared.answer.as_ref());
    if model.first_traceable() > 0 {
        return Ok(None);
    }
    journal::remember(
        journal,
        NAME,
        &prepared.original_digest("position_weights/4").hex(),
        |bytes| decode(bytes, &sizes(model, batches, places)),
        |weights| {
            let values = weights.iter().flatten().flatten();
            Ok(values.flat_map(|value| value.to_le_bytes()).collect())
        },
        || position_weights(model, answer, batches, places),
    )
    .map(Some)
}

/// Decodes the weights. Returns `None` if the document does not match these batches, so that the weights are computed
/// again.
fn decode(bytes: &[u8], sizes: &[Vec<usize>]) -> Option<Vec<Vec<Vec<f32>>>> {
    let (values, rest) = bytes.as_chunks::<4>();
    let all: usize = sizes.iter().flatten().sum();
    if !rest.is_empty() || values.len() != all {
        return None;
    }
    let mut values = values.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let weights = sizes.iter().map(|sizes| {
        let of_blocks = sizes.iter();
        let of_blocks = of_blocks.map(|&size| values.by_ref().take(size).collect());
        of_blocks.collect()
    });
    Some(weights.collect())
}

/// Returns the number of weights, `[batch][block]`: rows times sampled positions of the block's sum.
fn sizes(model: &Model, batches: &Batches<'_>, places: Places) -> Vec<Vec<usize>> {
    let of_batch = |index: usize| {
        let extents = model.extents(&batches.extent(index));
        let blocks = model.blocks.iter().zip(&extents);
        let sums = blocks.map(|(block, extent)| block.sum_extent(extent));
        sums.map(|sum| sum.rows() * places.of_row(sum.longest()))
            .collect()
    };
    (0..batches.len()).map(of_batch).collect()
}

/// Computes weights `[batch][block][rows * sampled positions]`, with mean 1 over all of a block.
///
/// # Errors
/// Returns an error if the graph fails or has no backward pass.
pub fn position_weights(
    model: &Model,
    answer: &dyn Answer,
    batches: &Batches<'_>,
    places: Places,
) -> std::result::Result<Vec<Vec<Vec<f32>>>, Failure> {
    let mut weights = lanes::run(batches.len(), |index| {
        let mut lengths = derivatives(model, answer, &batches.load(index)?)?;
        let extent = batches.extent(index);
        let sums = model.blocks.iter().zip(model.extents(&extent));
        for (block, (lengths, (own, extent))) in lengths.iter_mut().zip(sums).enumerate() {
            let positions = own.sum_extent(&extent).longest();
            let sample = places.of(index, block, extent.rows(), positions);
            if let Some(places) = sample.places(1) {
                let sampled = places.into_iter().map(|place| lengths[place as usize]);
                *lengths = sampled.collect();
            }
        }
        Ok(lengths)
    })?;
    for block in 0..model.blocks.len() {
        let all = || weights.iter().flat_map(|batch| &batch[block]);
        let mean = all().map(|&size| f64::from(size)).sum::<f64>() / all().count().max(1) as f64;
        for size in weights.iter_mut().flat_map(|batch| &mut batch[block]) {
            let share = if mean > 0.0 {
                f64::from(*size) / mean
            } else {
                1.0
            };
            *size = (FLOOR + (1.0 - FLOOR) * share) as f32;
        }
    }
    Ok(weights)
}

/// Returns the length of the derivative of the answers' form with respect to the sum at each position,
/// `[block][rows * positions]`.
fn derivatives(model: &Model, answer: &dyn Answer, batch: &Batch) -> Result<Vec<Vec<f32>>> {
    let mut lengths = vec![Vec::new(); model.blocks.len()];
    // A backward pass keeps all activations of its rows in memory, so it runs on a few rows at a time.
    for (_, some) in batch.parts(TRACED_POSITIONS)? {
        for (lengths, squares) in lengths.iter_mut().zip(squares(model, answer, &some)?) {
            lengths.extend(squares.into_iter().map(f32::sqrt));
        }
    }
    Ok(lengths)
}

/// Returns the squares of these lengths for a few rows.
fn squares(model: &Model, answer: &dyn Answer, batch: &Batch) -> Result<Vec<Vec<f32>>> {
    let trace = Trace::follow(model, &model.head, batch, 0)?;
    let form = Form {
        temperature: 1.0,
        seed: 0,
    };
    let directions = Directions::at(answer, trace.answers(), &batch.rows, form)?;
    let mut squares: Vec<Vec<f32>> = vec![Vec::new(); model.blocks.len()];
    for index in 0..directions.count() {
        trace.pull_answers_to_sums(directions.cotangent(index, 1)?, |block, sum| {
            let of_positions = sum.sqr()?.sum(2)?.flatten_all()?.to_vec1::<f32>()?;
            squares[block].resize(of_positions.len(), 0.0);
            for (total, square) in squares[block].iter_mut().zip(of_positions) {
                *total += square;
            }
            Ok(())
        })?;
    }
    Ok(squares)
}
