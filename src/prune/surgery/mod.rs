//! Surgery: physical removal of units. The slices of removed units are deleted from every tensor that holds them.
//!
//! Input: the stored weights, the groups, the masks, the repairs. Output: the tensors of the pruned model
//! in the order of the original file. Kept values are copied as bytes and never converted. Only repaired
//! projections are encoded again, in the type of the tensor that they replace.

pub mod axis;
pub mod card;
pub mod cut;
pub mod folder;
pub mod onnx;
mod parameters;

use super::failure::Failure;
use super::prepare::Prepared;
use super::repairs::Repairs;
use crate::checkpoint::config::Config;
use crate::checkpoint::limits::Limits;
use crate::checkpoint::weights::Weights;
use crate::checkpoint::write;
use crate::model::chain::Model;
use crate::model::mask::Masks;
use crate::model::registry;
use cut::cut;

pub use parameters::parameters;

/// Prunes the weights and opens the pruned model, in memory.
///
/// # Errors
/// Does not fail in practice: the pruned tensors form a valid checkpoint.
pub fn open(
    prepared: &Prepared,
    masks: &Masks,
    repairs: &Repairs,
) -> Result<(Weights, Config, Model), Failure> {
    let tensors = cut(&prepared.weights, &prepared.model, masks, repairs)?;
    let weights = Weights::from_bytes(write::bytes(&tensors)?, &Limits::default())?;
    let weights = weights.on(&prepared.device);
    let config = (prepared.model.export)(masks).config;
    let config = prepared.config.with_map(config);
    let opened = registry::open(&config, weights, prepared.units)?;
    Ok((opened.weights, config, opened.model))
}

/// Prunes the weights and returns the pruned model as if read back from its checkpoint. The calibration rows are the
/// same.
///
/// # Errors
/// Does not fail in practice: the pruned tensors form a valid checkpoint.
pub fn narrowed(
    prepared: &Prepared,
    masks: &Masks,
    repairs: &Repairs,
) -> Result<Prepared, Failure> {
    let (weights, config, model) = open(prepared, masks, repairs)?;
    Ok(prepared.narrowed(weights, config, model))
}
