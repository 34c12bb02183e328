//! Token weights: the sensitivity of the logits to each token's sum in each block.
//!
//! Plain least squares fits all tokens equally. But a classifier may read only one token in the last
//! layer, and some tokens hardly matter in any layer. The weights use the derivative of the logits' form
//! (see [`score::sketch`](super::super::score::sketch)) with respect to the sum that a projection writes:
//! a token has the weight `FLOOR + (1 - FLOOR) * |derivative| / mean |derivative|`. This is the square root
//! of the quadratic form. The form itself would concentrate the weight on so few tokens that the fit would
//! not generalize.

use candle_core::{Result, Tensor};

use super::super::digest::Digest;
use super::super::failure::Failure;
use super::super::journal::Journal;
use super::super::lanes;
use super::super::prepare::Prepared;
use super::super::score::sketch::TRACED_TOKENS;
use super::super::score::sketch::logits::Form;
use super::super::score::sketch::trace::Trace;
use crate::model::batch::Batch;
use crate::model::differentiable::Differentiable;
use crate::model::{PrunableModel, device};

/// Weight of a token that the logits do not depend on.
const FLOOR: f64 = 0.02;

/// Name of the document. It holds the weights as consecutive little-endian f32 values.
const NAME: &str = "token_weights.f32";

/// Returns the weights from the journal, or computes and stores them. They do not depend on the target.
///
/// # Errors
/// Returns an error if the graph fails or if the journal cannot be read or written.
pub fn token_weights_once(
    prepared: &Prepared,
    batches: &[Batch],
    journal: &dyn Journal,
) -> std::result::Result<Option<Vec<Vec<Vec<f32>>>>, Failure> {
    let model = prepared.model.as_ref();
    let digest = Digest::new("token_weights/1")
        .part("device", device::kind(&prepared.device))
        .part("weights", prepared.weights.sha256())
        .part("architecture", prepared.architecture)
        .part("config", &prepared.config_digest)
        .part("calibration", &prepared.calibration.sha256)
        .hex();
    let blocks = model.groups().len();
    let known = journal
        .load(NAME, &digest)?
        .and_then(|bytes| decode(&bytes, batches, blocks));
    if let Some(weights) = known {
        return Ok(Some(weights));
    }
    let weights = token_weights(model, batches)?;
    if let Some(weights) = &weights {
        let values = weights.iter().flatten().flatten();
        let bytes: Vec<u8> = values.flat_map(|value| value.to_le_bytes()).collect();
        journal.store(NAME, &digest, &bytes)?;
    }
    Ok(weights)
}

/// Decodes the weights. Returns `None` if the document does not match these batches, so that the weights are computed
/// again.
fn decode(bytes: &[u8], batches: &[Batch], blocks: usize) -> Option<Vec<Vec<Vec<f32>>>> {
    let (values, rest) = bytes.as_chunks::<4>();
    let tokens = |batch: &Batch| batch.len() * batch.length();
    let all: usize = batches.iter().map(tokens).sum();
    if !rest.is_empty() || values.len() != all * blocks {
        return None;
    }
    let mut values = values.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let weights = batches.iter().map(|batch| {
        let of_blocks = (0..blocks).map(|_| values.by_ref().take(tokens(batch)).collect());
        of_blocks.collect()
    });
    Some(weights.collect())
}

/// Computes weights `[batch][block][rows * length]`, with mean 1 over all tokens of a block. Returns `None` if the
/// architecture has no backward pass.
///
/// # Errors
/// Returns an error if the graph fails.
pub fn token_weights(
    model: &dyn PrunableModel,
    batches: &[Batch],
) -> std::result::Result<Option<Vec<Vec<Vec<f32>>>>, Failure> {
    let Some(back) = model.differentiable() else {
        return Ok(None);
    };
    let mut weights = lanes::run(batches.len(), |index| {
        Ok(derivatives(model, back, &batches[index])?)
    })?;
    for block in 0..model.groups().len() {
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
    Ok(Some(weights))
}

/// Returns the length of the derivative of the logits' form with respect to each token's sum,
/// `[block][rows * length]`.
fn derivatives(
    model: &dyn PrunableModel,
    back: &dyn Differentiable,
    batch: &Batch,
) -> Result<Vec<Vec<f32>>> {
    let mut lengths = vec![Vec::new(); model.groups().len()];
    // A backward pass keeps all activations of its rows in memory, so it runs on a few rows at a time.
    for (_, some) in batch.parts(TRACED_TOKENS)? {
        for (lengths, squares) in lengths.iter_mut().zip(squares(model, back, &some)?) {
            lengths.extend(squares.into_iter().map(f32::sqrt));
        }
    }
    Ok(lengths)
}

/// Returns the squares of these lengths for a few rows.
fn squares(
    model: &dyn PrunableModel,
    back: &dyn Differentiable,
    batch: &Batch,
) -> Result<Vec<Vec<f32>>> {
    let trace = Trace::follow(model, back, batch)?;
    let form = Form {
        problem: model.problem(),
        temperature: 1.0,
        seed: 0,
    };
    let directions = form.directions(&trace.logits().to_vec2::<f32>()?, &batch.rows);
    let mut squares = vec![vec![0.0; batch.len() * batch.length()]; model.groups().len()];
    for values in directions {
        let shape = (batch.len(), values.len() / batch.len());
        let cotangent = Tensor::from_vec(values, shape, trace.logits().device())?;
        trace.pull_logits(cotangent, 0, |block, sum, _| {
            let of_tokens = sum.sqr()?.sum(2)?.flatten_all()?.to_vec1::<f32>()?;
            for (total, square) in squares[block].iter_mut().zip(of_tokens) {
                *total += square;
            }
            Ok(())
        })?;
    }
    Ok(squares)
}
