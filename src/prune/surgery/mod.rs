//! Surgery: physical removal of units. The slices of removed units are deleted from every tensor that holds them.
//!
//! Input: the stored weights, the groups, the masks, the repairs. Output: the tensors of the pruned model
//! in the order of the original file. Kept values are copied as bytes and never converted. Only repaired
//! projections are encoded again, in the type of the tensor that they replace.

pub mod card;
pub mod folder;
mod parameters;
pub mod slice;

use std::borrow::Cow;
use std::collections::HashMap;

use super::compensate::Repairs;
use super::failure::Failure;
use super::prepare::{Prepared, config_digest};
use crate::checkpoint::config::Config;
use crate::checkpoint::limits::Limits;
use crate::checkpoint::weights::Weights;
use crate::checkpoint::write::{self, OutTensor, encode};
use crate::model::mask::Masks;
use crate::model::unit::UnitGroup;
use crate::model::{PrunableModel, registry};

pub use parameters::parameters;

/// Prunes the weights and opens the pruned model, in memory.
///
/// # Errors
/// Does not fail in practice: the pruned tensors form a valid checkpoint.
pub fn open(
    prepared: &Prepared,
    masks: &Masks,
    repairs: &Repairs,
) -> Result<(Weights, Config, Box<dyn PrunableModel>), Failure> {
    let tensors = cut(&prepared.weights, prepared.model.groups(), masks, repairs)?;
    let weights = Weights::from_bytes(write::bytes(&tensors)?, &Limits::default())?;
    let weights = weights.on(&prepared.device);
    let config = Config::new(prepared.model.export(masks).config);
    let opened = registry::open(&config, weights)?;
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
    Ok(Prepared {
        beside_the_weights: prepared.beside_the_weights.clone(),
        weights,
        device: prepared.device.clone(),
        config_digest: config_digest(&config),
        architecture: prepared.architecture,
        model,
        tokenizer: prepared.tokenizer.clone(),
        notes: Vec::new(),
        calibration: prepared.calibration.clone(),
        evaluation: None,
    })
}

/// Returns the tensors of the pruned model.
///
/// # Errors
/// Does not fail in practice: the graph was built from these weights.
pub fn cut<'a>(
    weights: &'a Weights,
    groups: &[UnitGroup],
    masks: &Masks,
    repairs: &Repairs,
) -> Result<Vec<OutTensor<'a>>, Failure> {
    let mut slices: HashMap<&str, Vec<slice::Kept>> = HashMap::new();
    let mut repaired = HashMap::new();
    for (index, group) in groups.iter().enumerate() {
        if let Some(linear) = repairs.projections.get(index).and_then(Option::as_ref) {
            repaired.insert(group.projection_weight.as_str(), linear.weight());
            repaired.insert(group.projection_bias.as_str(), linear.bias());
        }
        if masks.is_full(index) {
            continue;
        }
        for part in &group.slices {
            let kept = slice::Kept {
                dim: part.dim,
                offset: part.offset,
                span: part.span,
                width: group.width,
                units: masks.kept(index),
            };
            slices.entry(part.tensor.as_str()).or_default().push(kept);
        }
    }
    let cut = weights.entries().map(|entry| {
        let mut tensor = OutTensor::from(entry);
        if let Some(repaired) = repaired.get(tensor.name.as_str()) {
            let values = repaired.flatten_all()?.to_vec1::<f32>()?;
            tensor.shape = repaired.dims().to_vec();
            tensor.bytes = Cow::Owned(encode(&values, tensor.dtype));
            return Ok(tensor);
        }
        let element = tensor.dtype.bitsize() / 8;
        for kept in slices.get(tensor.name.as_str()).into_iter().flatten() {
            tensor.bytes = Cow::Owned(kept.apply(&tensor.bytes, &mut tensor.shape, element));
        }
        Ok(tensor)
    });
    cut.collect()
}
