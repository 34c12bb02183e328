//! How much the logits depend on each token's sum in each block.
//!
//! Least squares fits all tokens alike, though a classifier may read a single one of them in the last
//! layer and others hardly matter anywhere. The derivative of the logits' form (see
//! [`score::sketch`](super::super::score::sketch)) by the sum that a projection writes tells them apart:
//! a token counts `FLOOR + (1 - FLOOR) * |derivative| / mean |derivative|`. The root of the quadratic
//! form, not the form itself: the form leaves so few tokens that the fit would not generalise.

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

/// What a token counts that the logits do not depend on.
const FLOOR: f64 = 0.02;

/// The document's name: the weights one after another, f32, little-endian.
const NAME: &str = "token_weights.f32";

/// Takes the weights from the journal, or makes them and keeps them there: every target has the same ones.
///
/// # Errors
/// When the graph fails, or the journal cannot be read or written.
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

/// `None` when the document is not one of these batches, so that the weights are made afresh.
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

/// Weights of mean 1 over all tokens: `[batch][block][rows * length]`; `None` where the architecture has
/// no way back.
///
/// # Errors
/// When the graph fails.
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

/// Length of the derivative of the logits' form by each token's sum, `[block][rows * length]`.
fn derivatives(
    model: &dyn PrunableModel,
    back: &dyn Differentiable,
    batch: &Batch,
) -> Result<Vec<Vec<f32>>> {
    let mut lengths = vec![Vec::new(); model.groups().len()];
    // A way back remembers every activation of its rows: a few rows at a time.
    for (_, some) in batch.parts(TRACED_TOKENS)? {
        for (lengths, squares) in lengths.iter_mut().zip(squares(model, back, &some)?) {
            lengths.extend(squares.into_iter().map(f32::sqrt));
        }
    }
    Ok(lengths)
}

/// The same, squared, of a few rows.
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
