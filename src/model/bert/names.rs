//! Names of tensors: those of a layer, and those in checkpoints of older versions.

use super::family::Family;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Renames the tensors to the names that current versions of transformers use.
///
/// Early checkpoints call the parameters of norms `gamma` and `beta`, and a body that was saved alone has no prefix.
///
/// # Errors
/// Returns an error if a tensor exists under both names.
pub(in crate::model) fn todays(
    family: &Family,
    weights: Weights,
) -> Result<Weights, CheckpointError> {
    let Family { prefix, body, .. } = family;
    let prefixed = weights
        .entries()
        .any(|entry| entry.name.starts_with(prefix));
    weights.renamed(|name| {
        let name = name
            .replace("LayerNorm.gamma", "LayerNorm.weight")
            .replace("LayerNorm.beta", "LayerNorm.bias");
        match !prefixed && body.iter().any(|part| name.starts_with(part)) {
            true => format!("{prefix}{name}"),
            false => name,
        }
    })
}

/// The pooler of the body.
const POOLER: [&str; 2] = ["pooler.dense.weight", "pooler.dense.bias"];

impl Family {
    /// Keeps the pooler of the body in the result. No answer depends on it, but `AutoModel` of transformers has it.
    pub(super) fn keep_pooler(&self, weights: &Weights) {
        for name in POOLER {
            weights.keep(&format!("{}{name}", self.prefix));
        }
    }

    /// Returns the name of a layer in the names of its groups.
    pub(super) fn group(&self, layer: usize) -> String {
        format!("{}.{layer}", self.layers.list)
    }

    /// Returns the name of a part of a layer.
    pub(super) fn of_layer(&self, layer: usize, part: &str) -> String {
        format!("{}{}.{layer}.{part}", self.prefix, self.layers.list)
    }

    /// Returns the name of a part of the embeddings.
    pub(super) fn of_embeddings(&self, part: &str) -> String {
        format!("{}embeddings.{part}", self.prefix)
    }
}
