//! `pruned_heads`: heads that `prune_heads(..)` of transformers 4 removed from a model.

use std::collections::BTreeSet;

use serde_json::Value;

use super::family::Family;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Returns the number of heads of each layer: all of these except those that `pruned_heads` lists, which the weights do not
/// contain. Each layer of the original has equally many heads.
///
/// # Errors
/// Returns an error if the list is malformed or if the weights do not have the shapes that follow from it.
pub(super) fn heads(
    family: &Family,
    config: &Config,
    weights: &Weights,
    mut heads: Vec<usize>,
    head_dim: usize,
) -> Result<Vec<usize>, CheckpointError> {
    let (layers, whole) = (heads.len(), heads.first().copied().unwrap_or(0));
    let Some(pruned) = config
        .map()
        .get("pruned_heads")
        .filter(|pruned| !pruned.is_null())
    else {
        return Ok(heads);
    };
    let malformed = || {
        CheckpointError::Invalid(format!(
            "config.json: pruned_heads is {pruned}; it must map layers below {layers} to lists of heads below {whole}"
        ))
    };
    let pruned_layers = pruned.as_object().ok_or_else(malformed)?;
    if family.relative.is_some() && !pruned_layers.is_empty() {
        return Err(CheckpointError::UnsupportedModel(format!(
            "config.json has pruned_heads; transformers removes no heads of a model with model_type {} correctly, so use the \
             original",
            family.model_type
        )));
    }
    for (layer, dropped) in pruned_layers {
        let layer: usize = layer
            .parse()
            .ok()
            .filter(|layer| *layer < layers)
            .ok_or_else(malformed)?;
        let dropped = dropped
            .as_array()
            .ok_or_else(malformed)?
            .iter()
            .map(Value::as_u64);
        let dropped: BTreeSet<u64> = dropped.collect::<Option<_>>().ok_or_else(malformed)?;
        if dropped.last().is_some_and(|last| *last >= whole as u64) {
            return Err(malformed());
        }
        heads[layer] = whole - dropped.len();
        let name = format!("{}.weight", family.of_layer(layer, family.layers.query));
        let stored = weights
            .shape(&name)
            .and_then(|shape| shape.first().copied());
        if stored.is_some_and(|rows| rows != heads[layer] * head_dim) {
            return Err(CheckpointError::Invalid(format!(
                "config.json: pruned_heads removes {} of {whole} heads of layer {layer}, but tensor \"{name}\" has {} rows instead of {}; \
                 remove pruned_heads, or save the model after prune_heads(..)",
                dropped.len(),
                stored.unwrap_or_default(),
                heads[layer] * head_dim,
            )));
        }
    }
    Ok(heads)
}
